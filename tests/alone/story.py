"""What a first day with Plinth is, told as one line of JSON: `python -m tests.alone.story PART`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

PLINTH = [sys.executable, "-P", "-m", "ui.cli.main"]
WORK = Path(os.environ["PLINTH_DATA_DIR"]).parent
DOCUMENTS = {
    "leave.md": "# Leave\n\nEmployees receive 25 days of annual leave.\n",
    "travel.html": "<h1>Travel</h1><p>The hotel limit is 120 euros a night.</p>",
}
MORE = {"pets.txt": "Pets\n\nDogs may come to the office on Fridays.\n"}
QUESTION = "How many days of annual leave do employees receive?"
MODELS = ("all-minilm-l6-v2", "smollm2-135m-instruct")
PORT = "8599"
LIMIT_S = 240
_CALL = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(")
_OURS = re.compile(
    r"sa_family=AF_UNIX|sa_family=AF_NETLINK|inet_addr\(\"127\.|inet_pton\(AF_INET6, \"::1\""
)


def main() -> None:
    """Tell a part."""
    if sys.argv[1] == "commands":
        told = _commands()
    else:
        told = _web() | {"exposed": _exposed(), "elsewhere": _elsewhere()}
    calls = WORK / f"calls-{sys.argv[1]}"
    told |= {"user": os.getuid(), "abroad": _abroad(calls), "code_is_writable": _is_writable()}
    print(json.dumps(told))


def _commands() -> dict[str, Any]:
    """Without any interface that is up."""
    _write("documents", DOCUMENTS)
    report = json.loads(_plinth("ingest", str(WORK / "documents"), "--json"))
    reply = json.loads(_plinth("ask", QUESTION, "--json"))
    checked = json.loads(_plinth("models", "verify", *MODELS, "--json"))["files"]
    return {
        "counts": report["counts"],
        "status": reply["status"],
        "documents": [one["document"] for one in reply["passages"]],
        "weights": sorted({one["state"] for one in checked}),
    }


def _web() -> dict[str, Any]:
    """With loopback."""
    from ui.served import wait_until_loaded

    log = WORK / "serve.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*PLINTH, "serve", "--port", PORT], stdout=output, stderr=output
        ) as server,
    ):
        try:
            wait_until_loaded(f"http://127.0.0.1:{PORT}", server, log)
            link = re.search(r"http\S+secret=\S+", log.read_text(encoding="utf-8"))
            assert link is not None
            shown = asyncio.run(_visit(link[0]))
            _write("more", MORE)
            report = json.loads(_plinth("ingest", str(WORK / "more"), "--json"))
            listed = json.loads(_plinth("docs", "list", "--json"))["documents"]
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(LIMIT_S)
    return {
        "shown": shown,
        "handed_over": report["counts"],
        "listed": len(listed),
        "ended": code,
    }


async def _visit(link: str) -> dict[str, Any]:
    from ui.tab import open_tab, sign_in

    url = link.partition("/plinth/")[0]
    async with asyncio.timeout(LIMIT_S), open_tab(url, sign_in(link)) as tab:
        drawn = await tab.ask(QUESTION)
    return {"replies": drawn.n_replies, "notice": drawn.notice}


def _plinth(*arguments: str) -> str:
    done = subprocess.run(
        [*PLINTH, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"plinth {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _write(folder: str, texts: dict[str, str]) -> None:
    (WORK / folder).mkdir()
    for name, text in texts.items():
        (WORK / folder / name).write_text(text, encoding="utf-8")


def _exposed() -> list[str]:
    """Return what of the data dir others than its owner have any right to, files and folders."""
    data_dir = WORK / "data"
    return [
        f"{path.relative_to(WORK)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in (data_dir, *sorted(data_dir.rglob("*")))
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]


def _elsewhere() -> list[str]:
    """Return the files that were left in other places that anybody may write to.

    An empty folder is left in /tmp by torch, for what it would compile.
    """
    # Other programs remove folders meanwhile, which `os.walk` passes over.
    return [
        str(path)
        for top in ("/tmp", "/var/tmp", "/dev/shm")
        for folder, _, names in os.walk(top)
        for path in (Path(folder, name) for name in names)
        if os.getuid() and not path.is_relative_to(WORK) and _is_own_file(path)
    ]


def _is_own_file(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:  # somebody else's, and gone meanwhile
        return False
    return status.st_uid == os.getuid() and not stat.S_ISDIR(status.st_mode)


def _abroad(calls: Path) -> list[str]:
    """Return the calls of a trace that reach, or would reach, beyond this machine."""
    lines = calls.read_text(encoding="utf-8", errors="replace").splitlines()
    named = [line for line in lines if _CALL.search(line) and "sa_family=" in line]
    return [line for line in named if not _OURS.search(line)]


def _is_writable() -> bool:
    try:
        (Path(__file__).parent / "written").write_text("x")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
