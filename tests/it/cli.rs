//! The built program, as a user runs it: what it prints where, and the exit code it ends with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder of its own, and no environment but what is given.
struct Place(tempfile::TempDir);

/// What a run printed, and how it ended.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
        command.args(arguments).current_dir(self.path()).env_clear().env("HOME", self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(arguments: &[&str]) -> Ran {
    Place::new().run(arguments)
}

impl Ran {
    /// Everything a user sees.
    fn seen(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

#[test]
fn help_names_every_command() {
    assert_snapshot!(run(&["--help"]).seen());
}

#[test]
fn help_of_query_names_every_format() {
    assert_snapshot!(run(&["query", "--help"]).seen());
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    let ran = run(&["query", "--format", "xml", "select 1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
}

#[test]
fn without_credentials_the_error_says_what_to_do() {
    assert_snapshot!(run(&["query", "select 1"]).seen());
}

#[test]
fn an_unknown_configuration_key_is_an_error_with_its_line() {
    let place = Place::new();
    fs::write(place.path().join("ckosql.toml"), "# the key\nsecert_key = 'sk_MARKER'\n").unwrap();
    let seen = place.run(&["query", "select 1"]).seen().replace(&place.path().display().to_string(), "DIR");
    assert_snapshot!(seen);
}

#[test]
fn wrong_sql_shows_its_place() {
    assert_snapshot!(run(&["query", "--demo", "select 1;\nselect * form payments"]).seen());
}

#[test]
fn an_unknown_column_is_the_query_s_fault() {
    assert_snapshot!(run(&["query", "--demo", "select id,\n    amont\nfrom disputes"]).seen());
}

#[test]
fn statements_that_change_something_are_refused() {
    for sql in ["create table t (a int)", "insert into payments select * from payments", "drop table payments"] {
        let ran = run(&["query", "--demo", sql]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{sql}: {}", ran.stderr);
    }
}

#[test]
fn a_statement_may_be_deep_and_one_that_is_too_deep_is_refused() {
    let of = |terms: usize| {
        let terms: Vec<String> = (0..terms).map(|term| format!("n = {term}")).collect();
        let path = Place::new();
        fs::write(path.path().join("deep.sql"), format!("select count(*) from (values (1)) t(n) where {}", terms.join(" or ")))
            .unwrap();
        path.run(&["--demo", "query", "--format", "csv", "--file", "deep.sql"])
    };
    let deep = of(1_000);
    assert_eq!((deep.code, deep.stdout.lines().last()), (0, Some("1")), "{}", deep.stderr);
    let deeper = of(20_000);
    assert_eq!(deeper.code, 1);
    assert!(deeper.stderr.contains("40000 operators, and may have 3000"), "{}", deeper.stderr);
}

#[test]
fn the_default_is_a_table() {
    let sql = "select currency, 0.10 + 0.20 as sum from payments group by currency order by currency limit 2";
    assert_snapshot!(run(&["query", "--demo", sql]).seen());
}

#[test]
fn every_text_format_prints_the_same_answer() {
    let sql = "select 1 as n, cast(12.50 as decimal(18,3)) as amount, null as nothing, 'a,b' as text";
    let mut seen = String::new();
    for format in ["table", "csv", "tsv", "json", "ndjson", "markdown"] {
        let ran = run(&["query", "--demo", sql, "--format", format]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{format}");
        seen.push_str(&format!("--- {format}\n{}", ran.stdout));
    }
    assert_snapshot!(seen);
}

#[test]
fn a_file_takes_the_format_of_its_name() {
    let place = Place::new();
    let ran = place.run(&["query", "--demo", "select 1 as n", "-o", "a.csv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(place.path().join("a.csv")).unwrap(), "n\n1\n");
    let ran = place.run(&["query", "--demo", "select 1 as n", "-o", "a.parquet"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(fs::read(place.path().join("a.parquet")).unwrap().ends_with(b"PAR1"));
}

#[test]
fn a_query_that_fails_leaves_no_file() {
    let place = Place::new();
    let ran = place.run(&["query", "--demo", "select 1 as n; select * from nowhere", "-o", "a.md"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_csv_file_holds_one_answer() {
    let place = Place::new();
    let ran = place.run(&["query", "--demo", "select 1 as n; select 2 as n", "-o", "two.csv"]);
    assert_eq!((ran.code, fs::read_dir(place.path()).unwrap().count()), (2, 0), "{}", ran.stderr);
    let ran = place.run(&["query", "--demo", "select 1 as n; select 2 as n", "--format", "csv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "n\n1\nn\n2\n"), "{}", ran.stderr);
    let ran = place.run(&["query", "--demo", "set datafusion.execution.batch_size = 10; select 1 as n", "-o", "one.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(place.path().join("one.csv")).unwrap(), "n\n1\n");
}

#[test]
fn a_file_without_an_answer_is_not_written() {
    let place = Place::new();
    let ran = place.run(&["query", "--demo", "set datafusion.execution.batch_size = 10", "-o", "a.csv"]);
    assert_eq!((ran.code, fs::read_dir(place.path()).unwrap().count()), (2, 0), "{}", ran.stderr);
    assert_eq!(ran.stderr, "error: there is no answer to write to a.csv\n");
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_as_it_is() {
    let ran = run(&["query", "--demo", "select 1 as n", "--format", "csv", "-o", "/dev/stdout"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "n\n1\n"), "{}", ran.stderr);
}

#[cfg(unix)]
fn terminate(child: &std::process::Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_query_that_is_terminated_leaves_no_file() {
    let place = Place::new();
    let sql = "select count(*) as n from generate_series(1, 1000000000000)";
    let child = place.command(&["query", "--demo", sql, "-o", "a.csv"]).stderr(Stdio::piped()).spawn().unwrap();
    while fs::read_dir(place.path()).unwrap().count() == 0 {
        std::thread::yield_now();
    }
    terminate(&child);
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (130, "cancelled\n"));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn wrong_arguments_of_a_function_are_one_clear_line() {
    let ran = run(&["query", "--demo", "select sum(status) from payments"]);
    let said = "error: No function matches sum(Utf8); candidates: sum(Decimal), sum(UInt64)";
    assert!(ran.code == 1 && ran.stderr.starts_with(said) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
fn an_unknown_column_that_is_near_none_does_not_list_them_all() {
    let ran = run(&["query", "--demo", "select nope from payments"]);
    let said = "error: No field named nope (\\d TABLE in the shell lists a table's columns) at Line: 1, Column: 8\n";
    assert!(ran.code == 1 && ran.stderr.starts_with(said), "{}", ran.stderr);
}

#[test]
fn the_sandbox_says_which_days_it_has() {
    use std::io::{BufRead, BufReader};

    let place = Place::new();
    let mut child = place.command(&["sandbox", "--payments", "100", "--days", "30"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "# payments from 2026-06-01 to 2026-06-30");
    assert!(lines.by_ref().any(|line| line.starts_with("export CHECKOUT_ENTITY_IDS=")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn json_holds_one_answer() {
    let ran = run(&["query", "--demo", "--format", "json", "select 1 as n; select 2 as n"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn a_query_file_may_set_before_it_selects() {
    let place = Place::new();
    fs::write(place.path().join("q.sql"), "set datafusion.execution.batch_size = 10;\nselect 1 as n; -- end\n").unwrap();
    let ran = place.run(&["query", "--demo", "-f", "q.sql", "--format", "csv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "n\n1\n"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    let sql = "select * from generate_series(1, 1000000)";
    let mut child = place
        .command(&["query", "--demo", sql, "--format", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn the_shell_runs_a_script_up_to_its_first_error() {
    let place = Place::new();
    fs::write(place.path().join("script"), "\\format csv\nselect 1 as n;\nselect nothing;\nselect 2 as n;\n").unwrap();
    let script = fs::File::open(place.path().join("script")).unwrap();
    let ran = ran(place.command(&["shell", "--demo"]).stdin(script).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "n\n1\n"), "{}", ran.stderr);
}

#[test]
fn the_demo_tells_the_same_story_every_time() {
    let first = run(&["demo"]);
    assert_eq!((first.code, first.stderr.as_str()), (0, ""), "{}", first.stdout);
    assert_eq!(run(&["demo"]).stdout, first.stdout);
    assert_snapshot!(first.stdout);
}

#[test]
fn help_of_serve_names_every_flag() {
    assert_snapshot!(run(&["serve", "--help"]).seen());
}

#[test]
fn a_door_that_others_can_reach_is_not_opened_unless_it_is_safe() {
    let place = Place::new();
    let refused = |arguments: &[&str]| {
        let ran = place.run(&[&["serve", "--demo", "--pg"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        ran.stderr
    };
    let mut seen = refused(&["0.0.0.0:0"]);
    assert!(place.run(&["users", "add", "anna", "--users", "users", "--generate"]).code == 0);
    seen.push_str(&refused(&["0.0.0.0:0", "--trust", "--allow-remote-without-tls"]));
    seen.push_str(&refused(&["0.0.0.0:0", "--users", "users"]));
    seen.push_str(&refused(&["127.0.0.1:0", "--users", "nobody"]));
    seen.push_str(&refused(&["127.0.0.1:0", "--tls-cert", "no.crt", "--tls-key", "no.pem"]));
    assert_snapshot!(seen);
}

#[test]
fn a_user_s_password_is_told_once_and_kept_nowhere() {
    let place = Place::new();
    let ran = place.run(&["users", "add", "anna", "--generate"]);
    let file = place.path().join(".config").join("ckosql").join("users");
    let kept = fs::read_to_string(&file).unwrap();
    let said = ran.stderr.replace(&place.path().display().to_string(), "DIR");
    assert_eq!((ran.code, said.as_str()), (0, "anna is added in DIR/.config/ckosql/users\n"));
    assert!(ran.stdout.trim().len() == 24 && !kept.contains(ran.stdout.trim()), "{kept}");
    assert!(kept.starts_with("\"anna\" \"SCRAM-SHA-256$16384:"), "{kept}");
    let ran = place.run(&["users", "add", "anna"]);
    assert_eq!((ran.code, ran.stderr.lines().next()), (2, Some("error: no password was given")));
}

#[test]
fn tokens_are_told_once_listed_and_taken_away() {
    let place = Place::new();
    let users = |arguments: &[&str]| place.run(&[&["users"], arguments, &["--users", "users"]].concat());
    let made = users(&["token", "report"]);
    let token = made.stdout.trim();
    assert_eq!((made.code, made.stderr.as_str()), (0, "report has one more token in users\n"));
    let kept = fs::read_to_string(place.path().join("users")).unwrap();
    assert!(token.starts_with("ckosql_") && !kept.contains(token) && kept.starts_with("token \"report\" \"SHA-256$"), "{kept}");
    users(&["token", "anna"]);
    users(&["token", "anna"]);
    users(&["add", "anna", "--generate"]);
    assert_eq!(users(&["list"]).stdout, "anna: a password, 2 tokens\nreport: a token\n");
    assert_eq!(users(&["remove", "anna", "--tokens"]).stderr, "anna has no token any more in users\n");
    assert_eq!(users(&["remove", "report"]).stderr, "report is no more in users\n");
    assert_eq!(users(&["list"]).stdout, "anna: a password\n");
    for gone in [&["remove", "report"][..], &["remove", "anna", "--tokens"]] {
        assert_eq!(users(gone).code, 2, "{gone:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_says_that_it_is_ready_and_stops_when_it_is_told_to() {
    use std::io::{BufRead, BufReader};

    let place = Place::new();
    let arguments = ["serve", "--demo", "--http", "127.0.0.1:0", "--pg", "127.0.0.1:0"];
    let mut child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut ready = String::new();
    said.read_line(&mut ready).unwrap();
    assert!(
        ready.starts_with("ckosql is ready: PostgreSQL on 127.0.0.1:") && ready.contains("no password is asked for"),
        "{ready}"
    );
    assert!(ready.contains(", HTTP on 127.0.0.1:"), "{ready}");
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_is_told_that_a_server_is_ready_and_that_it_stops() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    let place = Place::new();
    let path = place.path().join("notify");
    let abstract_name = format!("ckosql/{}", place.path().display());
    let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
    for (socket, named) in [
        (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
        (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{abstract_name}")),
    ] {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let told = || {
            let mut said = [0; 64];
            let length = socket.recv(&mut said).unwrap();
            String::from_utf8(said[..length].to_vec()).unwrap()
        };
        let arguments = ["serve", "--demo", "--http", "127.0.0.1:0"];
        let mut child = place.command(&arguments).env("NOTIFY_SOCKET", named).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(told(), "READY=1");
        terminate(&child);
        assert_eq!(told(), "STOPPING=1");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
