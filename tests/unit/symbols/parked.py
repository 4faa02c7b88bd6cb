"""Threads parked in many kinds of code. Says an empty line, then for every thread its number and its stack as Python itself
sees it, the innermost frame first: "TID", "FUNCTION<tab>FILE<tab>LINE"…, an empty line; at the end "."."""
import asyncio
import sys
import threading

print(flush=True)
gate = threading.Lock()
gate.acquire()
ready = threading.Semaphore(0)
many = []


def park():
    ready.release()
    gate.acquire()


def plain():
    park()


class Thing:
    def method(self):
        def inner():
            park()
        inner()

    @staticmethod
    def with_(*a, **k):
        park()


def generator():
    yield 1
    yield park()


def runs_generator():
    for i in generator():
        i


def comprehension():
    return [park() for i in range(1)]


def generator_expression():
    return list(park() for i in range(1))


async def coroutine():
    await deeper()


async def deeper():
    park()


def multi_line():
    return Thing.with_(
        1,
        a=[
            2
        ],
        b=park(),
    )


def goes_back():
    x = 1
    for i in range(3):
        while x < 5:
            x += 1
        (x,
         x.bit_length(),
         park())


def finally_():
    try:
        raise KeyError
    except KeyError:
        with threading.Lock():
            try:
                1 / 0
            except ZeroDivisionError as e:
                del e
            finally:
                park()


def class_body():
    class Body:
        park()


def by_lambda():
    (lambda:
        park())()


def sorts():
    sorted([2, 1], key=lambda x: park())


def recursive(n):
    if n:
        return recursive(n - 1)
    park()


def unknown_line():
    space = {"park": park}
    source = "def nowhere():\n park()\n"
    exec(compile(source, "<made up>", "exec"), space)
    space["nowhere"]()


def named(name, filename, lines):
    """A function of that name whose call stands after so many lines of code."""
    body = "".join(f" v{i % 300} = {i}\n" for i in range(lines))
    space = {"park": park}
    exec(compile(f"def {name}():\n{body} park()\n", filename, "exec"), space)
    return space[name]


def far_jump():
    space = {"park": park}
    body = "".join(f"  v{i} = {i}\n" for i in range(2000))
    exec(compile(f"def far(n):\n while n:\n  n -= 1\n{body}  if n == 1: park()\n", "far.py", "exec"), space)
    space["far"](3)


kinds = [plain, Thing().method, runs_generator, comprehension, generator_expression, lambda: asyncio.run(coroutine()),
         multi_line, goes_back, finally_, class_body, by_lambda, sorts, lambda: recursive(40), unknown_line, far_jump,
         named("short", "short.py", 3), named("latin_é", "/tmp/é.py", 10), named("greek_λ", "/tmp/λ.py", 100),
         named("cjk_漢字", "漢.py", 1000), named("rare_𠀀", "𠀀.py", 40), named("n" * 31, "31.py", 1),
         named("n" * 32, "32.py", 1), named("n" * 33, "33.py", 1), named("long" * 100, "d/" * 200 + "x.py", 5000)]
threads = [threading.Thread(target=k, daemon=True) for k in kinds]
for t in threads:
    t.start()
for t in threads:
    ready.acquire()
# ready is released a moment before the thread is asleep: it is parked when its innermost line is that of the second call
line = park.__code__.co_firstlineno + 2
while any(f.f_code is park.__code__ and f.f_lineno != line for f in sys._current_frames().values()):
    pass
frames = sys._current_frames()
for t in threads:
    print(t.native_id)
    f = frames[t.ident]
    while f:
        print(f.f_code.co_qualname, f.f_code.co_filename, f.f_lineno, sep="\t")
        f = f.f_back
    print()
print(".", flush=True)
sys.stdin.readline()
