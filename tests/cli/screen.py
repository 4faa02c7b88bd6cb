"""A terminal of so many columns and rows, as far as benchctl uses one: what stands on it, and how it is left."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

CONTROL = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.main, self.other = self.empty(), None  # other: what is shown instead, while there is one
        self.cursor, self.entered, self.wrapped = True, 0, 0
        self.x = self.y = 0
        self.kept = (0, 0)
        self.rest = ""

    def empty(self):
        return [[" "] * self.columns for _ in range(self.rows)]

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        for name in ("main", "other"):
            old = getattr(self, name)
            if old:
                setattr(self, name, [(row + [" "] * columns)[:columns] for row in (old + [[" "] * columns] * rows)[:rows]])
        self.x, self.y = min(self.x, columns - 1), min(self.y, rows - 1)

    @property
    def cells(self):
        return self.other or self.main

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def newline(self):
        if self.y + 1 < self.rows:
            self.y += 1
        else:
            self.cells.append([" "] * self.columns)
            self.cells.pop(0)

    def put(self, c):
        if self.x >= self.columns:
            self.wrapped += 1
            self.x = 0
            self.newline()
        self.cells[self.y][self.x] = c
        self.x += 1

    def control(self, private, numbers, letter):
        if letter == "H":
            self.x = self.y = 0
        elif letter == "K":
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif letter == "J":
            if numbers == "2":
                self.cells[:] = self.empty()
            else:
                self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
                for y in range(self.y + 1, self.rows):
                    self.cells[y] = [" "] * self.columns
        elif private and numbers == "25":
            self.cursor = letter == "h"
        elif private and numbers == "1049":
            if letter == "h":
                self.kept, self.other, self.entered = (self.x, self.y), self.empty(), self.entered + 1
            else:
                self.other, (self.x, self.y) = None, self.kept
        elif letter != "m":
            raise AssertionError(f"a control sequence this terminal does not know: {private}{numbers}{letter}")

    def write(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            c = text[at]
            m = CONTROL.match(text, at) if c == "\x1b" else None
            if m:
                self.control(*m.groups())
                at = m.end()
                continue
            if c == "\x1b":
                self.rest = text[at:]  # the end of it is still to come
                return
            if c == "\n":
                self.newline()
            elif c == "\r":
                self.x = 0
            else:
                self.put(c)
            at += 1


class Terminal:
    """A program on a terminal of its own, whose keys work: run as the leader of a session."""

    def __init__(self, command, env, columns=80, rows=24):
        self.screen = Screen(columns, rows)
        self.raw = ""
        self.status = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                self_size = struct.pack("HHHH", rows, columns, 0, 0)
                fcntl.ioctl(0, termios.TIOCSWINSZ, self_size)
                os.execve(command[0], command, env)
            finally:
                os._exit(127)

    def resize(self, columns, rows):
        self.screen.resize(columns, rows)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds=0.02):
        """Takes what it writes for so long; False when it has ended."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self.master, 65536)
        except OSError:  # the last writer has gone
            return False
        self.raw += part.decode(errors="replace")
        self.screen.write(part.decode(errors="replace"))
        return bool(part)

    def until(self, what, seconds, condition):
        end = time.monotonic() + seconds
        going = True
        while True:
            value = condition(self.screen)
            if value:
                return value
            if not going or time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}\n" + "\n".join(self.screen.lines()))
            going = self.read()

    def end(self, seconds):
        """Its exit status; negative: the signal that ended it."""
        end = time.monotonic() + seconds
        while self.read():
            if time.monotonic() > end:
                raise AssertionError(f"it goes on after {seconds} s:\n" + "\n".join(self.screen.lines()))
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.master)
        return self.status

    def kill(self):
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            os.close(self.master)
            self.status = -9
