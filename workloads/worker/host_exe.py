"""Run by the stock executable of an interpreter: hands over to the worker's core. host_exe.py MODULE"""
import importlib.machinery
import importlib.util
import signal
import sys

path = sys.argv[1]
sys.argv[:] = [""]  # as where it is embedded
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a signal ends a worker
spec = importlib.util.spec_from_file_location("bench_worker", path,
                                              loader=importlib.machinery.ExtensionFileLoader("bench_worker", path))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.serve()
