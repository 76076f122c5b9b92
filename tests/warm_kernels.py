"""Kernels of Jupyter that start warm: each is split off a process that has loaded the package.

A kernel takes a second to start and three or four more to load the package with pandas, scipy and
matplotlib, each time. ``serve`` loads all of it once; what Jupyter starts as a kernel is ``start``,
which has the server split one off and lives as long as it does. Every kernel is a process of its
own with nothing in its namespace.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

LAZILY = ("openpyxl", "pingouin", "pyreadstat", "matplotlib_inline.backend_inline")
"""What is loaded where it is needed, as it is in nearly every notebook."""


def start(address, arguments):
    """Have the server start a kernel, here and with this environment; wait for its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter asks the kernel itself to end
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
        line.sendall(json.dumps(asked).encode() + b"\n")
        line.recv(1)


def serve(address):
    """Load everything, then split off a kernel whenever one is asked for."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    import matplotlib.pyplot  # noqa: F401
    import pandas as pd
    from ipykernel.kernelapp import launch_new_instance
    from pandera.pandas import Column, DataFrameSchema

    import alliance_stats as al

    for name in al.__all__:
        getattr(al, name)
    for name in LAZILY:
        importlib.import_module(name)
    DataFrameSchema({"a": Column(int)}).validate(pd.DataFrame({"a": [1]}))  # loads what it needs
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        print("ready", flush=True)
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _be_kernel(line, launch_new_instance)
            line.close()
            with suppress(ChildProcessError):  # those that ended are let go
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _be_kernel(line, launch):
    asked = json.loads(line.makefile().readline())
    os.chdir(asked["folder"])
    os.environ.update(asked["environment"])
    threading.Thread(target=lambda: line.recv(1) or os._exit(0), daemon=True).start()
    try:
        launch(argv=asked["arguments"])
    finally:
        os._exit(0)


if __name__ == "__main__":
    how, address, *arguments = sys.argv[1:]
    serve(address) if how == "serve" else start(address, arguments)
