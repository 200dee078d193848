"""What the scripts beside this one share: the program to try, a folder for its files, and a server of it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CKOSQL = os.path.abspath(sys.argv[1])
_KEPT = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
# It goes when the script ends.
FOLDER = Path(_KEPT.name)


def told(ok, what):
    """Tells what is seen; what is not as it should be ends the script."""
    print(("ok    " if ok else "WRONG ") + what, flush=True)
    if not ok:
        sys.exit(1)


class Door:
    """A server of the demo, up as long as the block; `found` is what its ready line says."""

    def __init__(self, *arguments, says=r"127\.0\.0\.1:(\d+)"):
        command = [CKOSQL, "--demo", "serve", *arguments]
        # In a file, as nobody reads what it says later.
        log, path = tempfile.mkstemp(dir=FOLDER)
        self.server = subprocess.Popen(command, stderr=log, env={"HOME": str(FOLDER)})
        os.close(log)
        while not (said := Path(path).read_text()).endswith("\n") and self.server.poll() is None:
            time.sleep(0.01)
        self.ready = said
        self.found = re.search(says, said)
        if not self.found:
            self.server.kill()
            sys.exit(f"no ready line: {said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.send_signal(signal.SIGTERM)
        told(self.server.wait(60) == 0, "it stops when it is told to")
