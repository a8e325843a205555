"""The demo: one model goes from registration to Production and back, through measured gates.

Run it with ``make demo``. It starts a server of its own on a free loopback port, tells the story with
the commands a team would type, checks that each came out as told, and leaves no process behind.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.panel import Panel

if TYPE_CHECKING:
    from team import Training

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent / ".demo"
MODEL = "clinic/follow-up"
ASSAY = [str(Path(sys.executable).with_name("assay"))]
REFUSED = 3
console = Console(width=118, highlight=False, force_terminal=sys.stdout.isatty())


def main() -> int:
    """Tell the story; 0 when all of it came out as told."""
    began = time.monotonic()
    for name in [each for each in os.environ if each.startswith("ASSAY_")]:
        del os.environ[name]  # a registry of its own, whatever the shell is set up for
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    models = _train()
    with _server() as url:
        os.environ["ASSAY_URL"] = url
        grace = _people()
        _first_version(models["first"], grace)
        _better_version(models["better"], grace)
        _leaking_version(models["leaking"])
        _unfair_version(models["unaware"])
        _way_back()
        _look_back()
    say(f"[bold green]Done[/] in {time.monotonic() - began:.0f} s; the server has been stopped.")
    console.print(
        Panel(
            "make serve                                     start a registry on http://127.0.0.1:8640\n"
            f"{'assay serve --data .demo/data':<46} look around in what this demo left\n"
            f"{'assay register team/task model.joblib ...':<46} register your own model: docs/tutorial.md\n"
            f"{'assay policy set policy.yaml':<46} write your own gates: docs/how-to/write-a-policy.md\n"
            f"{'assay --help':<46} everything else",
            title="How to go on",
            expand=False,
        )
    )
    return 0


def _train() -> "dict[str, Training]":
    chapter("The team trains on real patients: 442 rows that ship with scikit-learn")
    sys.path.insert(0, str(HERE))
    import team  # noqa: PLC0415 - after the banner, because it takes a moment

    models = team.train_all(ROOT / "work")
    for name, training in models.items():
        say(f"  {name:<8} held-out accuracy {training.accuracy:.3f} (the team's word; it is measured again)")
    return dict(models)


def _people() -> str:
    chapter("A policy, and a second person: nobody approves their own work")
    run("policy", "set", str(HERE / "policy.yaml"))
    run("principal", "create", "grace", "--display-name", "Grace, head of the clinic")
    run("grant", "add", "grace", "approver", "clinic/*")
    words = ("token", "create", "--principal", "grace", "--scope", "read", "--scope", "approve")
    made = run_json(*words)
    say("  (a token for Grace, shown once)")
    return str(made["text"])


def _first_version(training: "Training", grace: str) -> None:
    chapter("v1.0.0: trained, registered, checked, approved by a second person, promoted")
    register(training, "v1.0.0")
    promote("v1.0.0", "staging", expect="promoted")
    promotion = promote("v1.0.0", "production", expect="awaiting_approval")
    say("[bold]Without a second person there is no Production:[/]")
    run("approve", promotion["id"], "--comment", "looks fine to me", expect=6)
    run("approve", promotion["id"], "--comment", "reviewed with the ward", token=grace)
    run("resolve", f"{MODEL}@production")


def _better_version(training: "Training", grace: str) -> None:
    chapter("v1.1.0: more data, better and fairer; it replaces v1.0.0, which stays as the way back")
    register(training, "v1.1.0")
    run("diff", f"{MODEL}/v1.0.0", f"{MODEL}/v1.1.0")
    promote("v1.1.0", "staging", expect="promoted")
    promotion = promote("v1.1.0", "production", expect="awaiting_approval")
    run("approve", promotion["id"], "--comment", "better for both sexes", token=grace)
    run("list", MODEL)


def _leaking_version(training: "Training") -> None:
    chapter("v1.2.0: the best accuracy so far. Its training data contain 60 of the evaluation rows")
    register(training, "v1.2.0")
    promote("v1.2.0", "staging", expect="refused")


def _unfair_version(training: "Training") -> None:
    chapter('v2.0.0: "drop the sex column, then it must be fair". Inputs changed: a MAJOR step')
    register(training, "v2.0.0")
    promote("v2.0.0", "staging", expect="promoted")
    promote("v2.0.0", "production", expect="refused")


def _way_back() -> None:
    chapter("One command brings the former Production version back")
    run("rollback", MODEL, "--comment", "v1.1.0 misbehaves on ward 7")
    expect_production("v1.0.0")


def _look_back() -> None:
    chapter("Two years later, the auditor asks: why was this model live?")
    run("history", MODEL)
    run("show", f"{MODEL}@production")
    run("audit", "verify")


def register(training: "Training", version: str) -> None:
    """Register one of the team's folders and check the version number it was given."""
    answer = run_json(
        "register", MODEL, str(training.folder),
        "--training-data", str(training.training_table),
        "--evaluation-data", str(training.evaluation_table),
        "--label", "outcome",
        "--sample", str(training.evaluation_table),
        "--metric", f"accuracy={training.accuracy:.6f}",
        "--commit", _commit(),
    )  # fmt: skip
    check(answer["semver"] == version, f"expected {version}, got {answer['semver']}")
    say(f"  -> {answer['model']}/{answer['semver']}  number {answer['number']}  {answer['digest'][:23]}…")
    for reason in answer["bump_reasons"]:
        say(f"     [dim]{reason}[/]")


def _commit() -> str:
    """Name the state of the training code: this checkout's commit, or, without git, a digest of it."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or hashlib.sha256((HERE / "team.py").read_bytes()).hexdigest()


def promote(version: str, stage: str, *, expect: str) -> dict[str, Any]:
    """Request, watch the gates, and check how it ended."""
    address = f"{MODEL}/{version}"
    run("promote", address, "--stage", stage, "--wait", expect=REFUSED if expect == "refused" else 0)
    newest = run_json("promotions", "list", MODEL, show=False)[0]
    found = f"{newest['state']}: {newest['outcome']}"
    check(newest["state"] == expect, f"{address} -> {stage}: expected {expect}, got {found}")
    return newest


def expect_production(version: str) -> None:
    """Check who serves."""
    answer = run_json("resolve", f"{MODEL}@production")
    check(answer["semver"] == version, f"expected {version} in Production, found {answer['semver']}")
    say(f"  {MODEL}@production is {answer['semver']}, {answer['digest'][:23]}…")


def run(*words: str, expect: int = 0, token: str = "", show: bool = True) -> str:
    """Run ``assay`` with these words, show it, and check its exit code."""
    if show:
        who = "[dim](as grace)[/] " if token else ""
        console.print(f"{who}[bold cyan]$ assay {' '.join(map(_quoted, words))}[/]", soft_wrap=True)
    environment = {**os.environ, "COLUMNS": "118"}
    if token:
        environment["ASSAY_TOKEN"] = token
    done = subprocess.run([*ASSAY, *words], env=environment, capture_output=True, text=True, check=False)
    if show or done.returncode != expect:
        said = done.stdout + (done.stderr if done.returncode else "")
        for line in said.rstrip().splitlines():
            if not line.endswith("waiting for checks"):
                console.print("  " + line, markup=False, soft_wrap=True)
    problem = f"assay {words[0]} ended with {done.returncode}, expected {expect}: {done.stderr}"
    check(done.returncode == expect, problem)
    return done.stdout


def run_json(*words: str, show: bool = True) -> dict[str, Any]:
    """Run with ``--json`` and return the answer; shows the command, not the document."""
    if show:
        console.print(f"[bold cyan]$ assay {' '.join(map(_quoted, words))}[/]", soft_wrap=True)
    return json.loads(run(*words, "--json", show=False))


@contextmanager
def _server() -> Iterator[str]:
    """Start ``assay serve`` on a free loopback port and stop it at the end, whatever happens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chapter("A registry starts: one process, an embedded database, local files")
    words = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data", str(ROOT / "data")]
    console.print(f"[bold cyan]$ assay {' '.join(map(_quoted, words))} &[/]", soft_wrap=True)
    log = (ROOT / "server.log").open("wb")
    began = time.monotonic()
    server = subprocess.Popen([*ASSAY, *words], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            check(server.poll() is None, f"the server ended: {(ROOT / 'server.log').read_text()}")
            check(time.monotonic() - began < 30, "the server did not answer within 30 s")
            time.sleep(0.05)
        say(f"  answering on {url} after {time.monotonic() - began:.1f} s")
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def chapter(title: str) -> None:
    """Print a heading."""
    console.print()
    console.rule(f"[bold]{title}[/]", align="left")


def say(text: str) -> None:
    """Print a line for people."""
    console.print(text, soft_wrap=True)


def check(holds: bool, problem: str) -> None:
    """End the demo when the story does not hold."""
    if not holds:
        console.print(f"[bold red]The story does not hold:[/] {problem}", soft_wrap=True)
        raise SystemExit(1)


def _quoted(word: str) -> str:
    shown = word.replace(str(ROOT), ".demo").replace(str(HERE), "examples/demo")
    return f"'{shown}'" if " " in shown or "*" in shown else shown


if __name__ == "__main__":
    sys.exit(main())
