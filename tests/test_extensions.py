"""What an application keeps is built once, also if several threads need it first."""

import threading
import time

from flask import Flask

from gitlab_links.extensions import built_once

THREADS = 8


def test_of_several_threads_one_builds_and_all_get_the_same():
    app, together = Flask(__name__), threading.Barrier(THREADS)
    built, got = [], []

    def build():
        built.append(object())
        time.sleep(0.02)  # the others ask meanwhile
        return built[-1]

    def ask():
        together.wait()
        got.append(built_once(app, "of this test", build))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [built[0]] * THREADS
    assert len(built) == 1
