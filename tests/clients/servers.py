"""Real database servers (PostgreSQL of the Debian package postgresql), for scripts that hold ckosql against them."""

import glob
import os
import pwd
import subprocess
import sys
from pathlib import Path

BIN = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])


def run(*command, **options):
    """What a program prints; an exit code other than 0 ends the script."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def owner(name, folder):
    """Servers do not run as root: who runs them then, and owns their folder."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam(name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}


class Postgres:
    """A server on a socket in its folder, of the user anna, up as long as the block."""

    def __init__(self, folder, *settings):
        self.folder = folder
        self.settings = (f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", *settings)
        self.by = {"cwd": folder, **owner("postgres", folder)}

    def __enter__(self):
        run(BIN / "initdb", "-D", self.folder / "db", "-U", "anna", "-A", "trust", "-E", "UTF8", "--locale=C", **self.by)
        options = " ".join(f"-c {setting}" for setting in self.settings)
        # What it leaves running keeps what it was given to write to.
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(self.control("-l", self.folder / "log", "-o", options, "start"), check=True, **nowhere, **self.by)
        return self

    def __exit__(self, *_):
        run(*self.control("-m", "immediate", "stop"), **self.by)

    def control(self, *arguments):
        return [BIN / "pg_ctl", "-D", self.folder / "db", "-w", *arguments]
