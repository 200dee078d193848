//! Random predicates in SQL: what a column can be compared with is drawn half from its real values and their
//! neighbours, half from junk.
//!
//! A predicate is a tree, so that one that fails can be cut down to the least that still fails.

use std::fmt;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

/// A small generator of numbers; the same seed is the same test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// A predicate.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    Leaf(String),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], with: &str| {
            let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
            f.write_str(&parts.join(with))
        };
        match self {
            Self::Leaf(sql) => f.write_str(sql),
            Self::Not(one) => write!(f, "not ({one})"),
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => joined(f, parts, " or "),
        }
    }
}

impl Predicate {
    /// The predicates that are a step smaller.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Leaf(_) => Vec::new(),
            Self::Not(one) => {
                let inner = one.smaller().into_iter().map(|smaller| Self::Not(Box::new(smaller)));
                std::iter::once((**one).clone()).chain(inner).collect()
            }
            Self::And(parts) => steps(parts, Self::And),
            Self::Or(parts) => steps(parts, Self::Or),
        }
    }
}

fn steps(parts: &[Predicate], joined: fn(Vec<Predicate>) -> Predicate) -> Vec<Predicate> {
    let mut smaller = parts.to_vec();
    for (place, part) in parts.iter().enumerate() {
        for less in part.smaller() {
            let mut parts = parts.to_vec();
            parts[place] = less;
            smaller.push(joined(parts));
        }
    }
    smaller
}

/// A column that predicates are made of.
pub(crate) struct Column {
    name: &'static str,
    data_type: DataType,
    values: Vec<String>,
}

/// The named columns of a table, with the values they have.
pub(crate) fn columns(batches: &[RecordBatch], names: &[&'static str]) -> Vec<Column> {
    let of_name = |name: &&'static str| {
        let mut values: Vec<String> = Vec::new();
        for batch in batches {
            let array = batch.column_by_name(name).unwrap_or_else(|| panic!("there is no column {name}"));
            let rows = (0..array.len()).filter(|row| array.is_valid(*row));
            values.extend(rows.map(|row| array_value_to_string(array, row).unwrap()));
        }
        values.sort_unstable();
        values.dedup();
        let data_type = batches[0].schema().field_with_name(name).unwrap().data_type().clone();
        Column { name, data_type, values }
    };
    names.iter().map(of_name).collect()
}

/// A predicate over the columns, nested at most so deep.
pub(crate) fn predicate(dice: &mut Dice, columns: &[Column], depth: usize) -> Predicate {
    let parts = |dice: &mut Dice| (0..2 + dice.below(2)).map(|_| predicate(dice, columns, depth - 1)).collect();
    match dice.below(10) {
        0..=3 if depth > 0 => Predicate::And(parts(dice)),
        4..=6 if depth > 0 => Predicate::Or(parts(dice)),
        7 if depth > 0 => Predicate::Not(Box::new(predicate(dice, columns, depth - 1))),
        _ => {
            let column = &columns[dice.below(columns.len())];
            Predicate::Leaf(column.comparison(dice))
        }
    }
}

impl Column {
    fn comparison(&self, dice: &mut Dice) -> String {
        let name = self.name;
        if dice.chance(14) {
            return format!("{name} is {}null", dice.pick(&["", "not "]));
        }
        match &self.data_type {
            DataType::Boolean => dice.pick(&["", "not ", "true = ", "false = ", "true is distinct from "]).to_owned() + name,
            DataType::Utf8 => self.of_text(dice),
            DataType::Timestamp(..) => self.of_time(dice),
            _ => self.of_number(dice),
        }
    }

    /// What every type can be compared by, with literals that `literal` makes.
    fn usual(&self, dice: &mut Dice, compared: &str, literal: impl Fn(&mut Dice) -> String) -> String {
        let list = |dice: &mut Dice| {
            let mut list: Vec<String> = (0..=dice.below(4)).map(|_| literal(dice)).collect();
            if dice.chance(12) {
                list.push("null".to_owned());
            }
            list.join(", ")
        };
        match dice.below(12) {
            0..=2 => format!("{compared} = {}", literal(dice)),
            3 => format!("{} {} {compared}", literal(dice), dice.pick(&["=", "<", "<=", ">", ">=", "<>"])),
            4 => format!("{compared} <> {}", literal(dice)),
            5 | 6 => format!("{compared} in ({})", list(dice)),
            7 => format!("{compared} not in ({})", list(dice)),
            8 => format!("{compared} {}between {} and {}", dice.pick(&["", "not "]), literal(dice), literal(dice)),
            9 => format!("{compared} is {}distinct from {}", dice.pick(&["", "not "]), literal(dice)),
            _ => format!("{compared} {} {}", dice.pick(&["<", "<=", ">", ">="]), literal(dice)),
        }
    }

    fn of_text(&self, dice: &mut Dice) -> String {
        let name = self.name;
        let quoted = |dice: &mut Dice| quote(&self.text(dice));
        match dice.below(12) {
            0 => {
                let text = self.text(dice);
                let cut = text.char_indices().nth(dice.below(6)).map_or(text.len(), |(at, _)| at);
                let pattern = match dice.below(4) {
                    0 => text,
                    1 => format!("{}%", &text[..cut]),
                    2 => format!("%{}", &text[cut..]),
                    _ => format!("{}_%", &text[..cut]),
                };
                format!("{name} {}{} {}", dice.pick(&["", "not "]), dice.pick(&["like", "ilike"]), quote(&pattern))
            }
            1 => format!("lower({name}) = lower({})", quoted(dice)),
            // A literal that only planning makes one.
            2 => {
                let text = self.text(dice);
                let cut = text.char_indices().nth(dice.below(4)).map_or(text.len(), |(at, _)| at);
                let halves = format!("{} || {}", quote(&text[..cut]), quote(&text[cut..]));
                format!("{name} {} ({halves})", dice.pick(&["=", "<>"]))
            }
            3 => self.usual(dice, &format!("cast({name} as varchar)"), quoted),
            _ => self.usual(dice, name, quoted),
        }
    }

    fn text(&self, dice: &mut Dice) -> String {
        const JUNK: [&str; 14] = [
            "",
            " ",
            "x",
            "EUR ",
            "captured",
            "PARTIALLY_CAPTURED",
            "o'clock",
            "a\\",
            "' OR amount:>=0 OR id:'",
            "a,b",
            "%",
            "..",
            "pay_",
            "é\n",
        ];
        if self.values.is_empty() || dice.chance(3) {
            return dice.pick(&JUNK).to_owned();
        }
        let real = self.values[dice.below(self.values.len())].clone();
        match dice.below(8) {
            0 => real.to_uppercase(),
            1 => real.to_lowercase().replace(' ', "_"),
            2 => real.chars().map(|letter| if dice.chance(2) { flip(letter) } else { letter }).collect(),
            3 => real + dice.pick(&[" ", "0", "'"]),
            _ => real,
        }
    }

    fn of_number(&self, dice: &mut Dice) -> String {
        let scale: i128 = if matches!(self.data_type, DataType::Decimal128(..)) { 1000 } else { 1 };
        let literal = |dice: &mut Dice| {
            const JUNK: [&str; 9] = ["0", "-1", "1", "100", "99.5", "1e3", "12.34567", "9223372036854775807", "0.001"];
            if self.values.is_empty() || dice.chance(3) {
                return dice.pick(&JUNK).to_owned();
            }
            let real = &self.values[dice.below(self.values.len())];
            let step = i128::try_from(dice.below(5)).unwrap() - 2;
            match dice.below(5) {
                0 => format!("{real} + {}", decimal(step, scale)),
                1 => decimal(thousandths(real) * scale / 1000 + step, scale),
                2 => format!("{}5", decimal(thousandths(real) * 10 * scale / 1000 + step, scale * 10)),
                _ => real.clone(),
            }
        };
        let name = self.name;
        let compared = match dice.below(8) {
            0 => format!("cast({name} as bigint)"),
            1 => format!("cast({name} as decimal(20,1))"),
            2 => format!("cast({name} as decimal(24,5))"),
            3 => format!("-{name}"),
            _ => name.to_owned(),
        };
        self.usual(dice, &compared, literal)
    }

    fn of_time(&self, dice: &mut Dice) -> String {
        let name = self.name;
        let micros = |dice: &mut Dice| {
            let day = 86_400_000_000_i64;
            if self.values.is_empty() || dice.chance(3) {
                return 1_767_139_200_000_000 + i64::try_from(dice.below(182)).unwrap() * day;
            }
            let real = &self.values[dice.below(self.values.len())];
            let real = chrono::DateTime::parse_from_rfc3339(real).unwrap().timestamp_micros();
            let step = [0, 0, 0, 1, -1, 1_000, 999_999][dice.below(7)];
            real + step
        };
        let at = |dice: &mut Dice, format: &str| {
            chrono::DateTime::from_timestamp_micros(micros(dice)).unwrap().format(format).to_string()
        };
        match dice.below(10) {
            0 => self.usual(dice, &format!("{name}::date"), |dice| format!("date '{}'", at(dice, "%F"))),
            1 => {
                let digits = dice.pick(&["0", "3", "9"]);
                let compared = format!("cast({name} as timestamp({digits}))");
                self.usual(dice, &compared, |dice| format!("cast('{}' as timestamp({digits}))", at(dice, "%FT%T%.6f")))
            }
            2 => {
                let unit = dice.pick(&["day", "hour", "month"]);
                let compared = format!("date_trunc('{unit}', {name})");
                self.usual(dice, &compared, |dice| format!("timestamp '{}'", at(dice, "%F 00:00:00")))
            }
            3 => self.usual(dice, name, |dice| format!("date '{}'", at(dice, "%F"))),
            4 => self.usual(dice, name, |dice| format!("now() - interval '{} hours'", dice.below(4_000))),
            5 => self.usual(dice, name, |dice| format!("timestamp '{}' + interval '1 microsecond'", at(dice, "%F %T%.6f"))),
            6 => format!("extract(month from {name}) = {}", dice.below(13)),
            _ => self.usual(dice, name, |dice| format!("'{}'", at(dice, "%FT%T%.6fZ"))),
        }
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn flip(letter: char) -> char {
    if letter.is_ascii_uppercase() { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() }
}

/// A printed number in thousandths.
fn thousandths(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<3}").parse().unwrap()
}

/// So many parts of `scale` as a decimal literal.
fn decimal(parts: i128, scale: i128) -> String {
    let sign = if parts < 0 { "-" } else { "" };
    let digits = scale.ilog10() as usize;
    let (whole, rest) = (parts.abs() / scale, parts.abs() % scale);
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:0digits$}") }
}
