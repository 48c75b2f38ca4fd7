"""``python -m gitlab_links.demo.gitlab``: a simulated GitLab as a process of its own."""

import argparse
import signal
import threading

from gitlab_links.demo.gitlab.server import SimulatedGitLab


def main() -> None:
    """Serve until SIGINT or SIGTERM; says where, and with which token it may be read."""
    parser = argparse.ArgumentParser(prog="python -m gitlab_links.demo.gitlab")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--token", help="value of the sample data's api token")
    parser.add_argument("--empty", action="store_true", help="start without sample data")
    parser.add_argument(
        "--application",
        nargs=3,
        metavar=("CLIENT_ID", "SECRET", "REDIRECT_URI"),
        help="an application that people can sign in to",
    )
    options = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    server = SimulatedGitLab.start(
        sample=not options.empty,
        token=options.token,
        port=options.port,
    )
    if options.application:
        server.state.sign_ins.register(*options.application)
    with server:
        print(f"Simulated GitLab: {server.url}", flush=True)
        for token in server.state.people.tokens.values():
            print(f"Token of {token.user.username}: {token.value}", flush=True)
        done.wait()


if __name__ == "__main__":
    main()
