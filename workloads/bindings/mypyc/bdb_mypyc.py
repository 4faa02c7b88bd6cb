"""What the kernels do, in typed Python that mypyc compiles. Numbers are its native ones; there is nothing on the other side of a
boundary, so that the kernel library is never called."""
from typing import TYPE_CHECKING, Any, Callable, Final, Iterator, Sequence, Union

if TYPE_CHECKING:  # for the compiler only: the module needs nothing when it runs
    from mypy_extensions import i64, mypyc_attr

MASK: Final = 0x3FFFFFFF
MUL: Final = 6364136223846793005 & MASK  # of the kernels' chain, which is the same mod 2^30
ADD: Final = 1442695040888963407 & MASK
LEAST: Final = -(1 << 63)

chain: int = 0


def spin_hold(k: i64, steps: i64) -> i64:
    if steps < 0:
        raise ValueError("steps is negative")
    k &= MASK
    while steps > 0:
        k = (k * MUL + ADD) & MASK
        steps -= 1
    return k


def noargs() -> i64:
    global chain
    x = (i64(chain) * MUL + ADD) & MASK
    chain = x
    return x


def plusone(x: i64) -> i64:
    return x + 1


def kwargs(k: i64, a: i64 = 0, b: i64 = 0, c: i64 = 0) -> i64:
    return k + a + b + c & MASK


def i64_1(a: i64) -> i64:
    return a & MASK


def i64_2(a: i64, b: i64) -> i64:
    return a + b & MASK


def i64_3(a: i64, b: i64, c: i64) -> i64:
    return a + b + c & MASK


def i64_4(a: i64, b: i64, c: i64, d: i64) -> i64:
    return a + b + c + d & MASK


def i64_6(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64) -> i64:
    return a + b + c + d + e + f & MASK


def i64_8(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64) -> i64:
    return a + b + c + d + e + f + g + h & MASK


def i64_16(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64, i: i64, j: i64, k: i64, l: i64, m: i64, n: i64,
           o: i64, p: i64) -> i64:
    return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p & MASK


def f64_1(a: float) -> float:
    return a


def f64_2(a: float, b: float) -> float:
    return a + b


def f64_3(a: float, b: float, c: float) -> float:
    return a + b + c


def f64_4(a: float, b: float, c: float, d: float) -> float:
    return a + b + c + d


def f64_6(a: float, b: float, c: float, d: float, e: float, f: float) -> float:
    return a + b + c + d + e + f


def f64_8(a: float, b: float, c: float, d: float, e: float, f: float, g: float, h: float) -> float:
    return a + b + c + d + e + f + g + h


def f64_16(a: float, b: float, c: float, d: float, e: float, f: float, g: float, h: float, i: float, j: float, k: float,
           l: float, m: float, n: float, o: float, p: float) -> float:
    return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p


def bool_1(a: bool) -> bool:
    return a


def bool_2(a: bool, b: bool) -> bool:
    return a ^ b


def bool_3(a: bool, b: bool, c: bool) -> bool:
    return a ^ b ^ c


def bool_4(a: bool, b: bool, c: bool, d: bool) -> bool:
    return a ^ b ^ c ^ d


def bool_6(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) -> bool:
    return a ^ b ^ c ^ d ^ e ^ f


def bool_8(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool, g: bool, h: bool) -> bool:
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h


def bool_16(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool, g: bool, h: bool, i: bool, j: bool, k: bool, l: bool,
            m: bool, n: bool, o: bool, p: bool) -> bool:
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n ^ o ^ p


# ---- sequences, maps, rows

def checked(n: i64) -> i64:
    if n < 0:
        raise ValueError("n is negative")
    return n


def text_sum(text: str) -> i64:
    data = text.encode()
    return len(data) + data[0] if data else 0


def bytes_out(k: i64, n: i64) -> bytes:
    return bytes([k & 255]) * checked(n)


def seq_i64_in(k: i64, seq: Sequence[int]) -> i64:
    for x in seq:
        k += i64(x)
    return k & MASK


def seq_f64_in(seq: Sequence[float]) -> float:
    """In four sums, as the kernel has it: another order is another result."""
    a = b = c = d = 0.0
    for x in seq:
        a, b, c, d = b, c, d, a + x
    turns = len(seq) & 3
    if turns == 1:
        a, b, c, d = d, a, b, c
    elif turns == 2:
        a, b, c, d = c, d, a, b
    elif turns == 3:
        a, b, c, d = b, c, d, a
    return a + b + c + d


def seq_str_in(k: i64, seq: Sequence[str]) -> i64:
    for text in seq:
        k += text_sum(text)
    return k & MASK


def seq_i64_out(k: i64, n: i64) -> list[int]:
    return [(k + i) & MASK for i in range(checked(n))]


def seq_f64_out(k: i64, n: i64) -> list[float]:
    return [float((k + i) & MASK) for i in range(checked(n))]


def seq_str_out(k: i64, n: i64) -> list[str]:
    return [str((k + i) & MASK) for i in range(checked(n))]


def map_in(k: i64, map: dict[str, int]) -> i64:
    for key, value in map.items():
        k += text_sum(key) + i64(value)
    return k & MASK


def map_out(k: i64, n: i64) -> dict[str, int]:
    return {str((k + i) & MASK): (k + i) & MASK for i in range(checked(n))}


def rows_in(k: i64, rows: Sequence[tuple[int, float, str]]) -> i64:
    for identity, weight, name in rows:
        k += text_sum(name) + i64(identity) + i64(int(weight))
    return k & MASK


def rows_out(k: i64, n: i64) -> list[tuple[int, float, str]]:
    rows: list[tuple[int, float, str]] = []
    for i in range(checked(n)):
        x = (k + i) & MASK
        rows.append((x, float(x), str(x)))
    return rows


# ---- calls back, errors, overloads, attributes

def callback(f: Callable[[int], int], k: i64, n: i64) -> i64:
    for _ in range(n):
        k = f(k) & MASK
    return k


def fail(depth: i64) -> i64:
    if depth == 0:
        raise ValueError("refused")
    return fail(depth - 1) + 1


def error(depth: i64) -> i64:
    return fail(checked(depth))


def catch(f: Callable[[int], int], k: i64) -> i64:
    try:
        return f(k)
    except BaseException:
        return k + 1 & MASK


def overload(x: Union[int, float, str]) -> Union[int, float]:
    if isinstance(x, str):
        return len(x)
    if isinstance(x, int):
        return i64(x) + 1
    return x + 1.0


def lookup(obj: Any, k: i64, n: i64) -> i64:
    for _ in range(n):
        value: i64 = obj.value
        k += value
    return k & MASK


# ---- classes

class Six:
    def __init__(self, a: i64, b: i64, c: i64, d: i64, e: i64, f: i64) -> None:
        self.a = a
        self.b = b
        self.c = c
        self.d = d
        self.e = e
        self.f = f

    def sum(self) -> i64:
        return self.a + self.b + self.c + self.d + self.e + self.f & MASK

    @property
    def total(self) -> i64:
        return self.a + self.b + self.c + self.d + self.e + self.f & MASK

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: i64) -> i64:
        if index < 0:
            index += 6
        if index == 0:
            return self.a
        if index == 1:
            return self.b
        if index == 2:
            return self.c
        if index == 3:
            return self.d
        if index == 4:
            return self.e
        if index == 5:
            return self.f
        raise IndexError("index out of range")

    def __iter__(self) -> Iterator[int]:
        return iter((self.a, self.b, self.c, self.d, self.e, self.f))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Six):
            return NotImplemented
        return (self.a == other.a and self.b == other.b and self.c == other.c and self.d == other.d and self.e == other.e
                and self.f == other.f)

    def __call__(self, x: i64) -> i64:
        return self.a + x & MASK


def six_batch(n: i64) -> list[Six]:
    return [Six(i, i + 1, i + 2, i + 3, i + 4, i + 5) for i in range(checked(n))]


@mypyc_attr(allow_interpreted_subclasses=True)
class Walker:
    def step(self, k: i64) -> i64:
        return k + 1 & MASK


def run_virtual(obj: Walker, k: i64, n: i64) -> i64:
    for _ in range(n):
        k = obj.step(k)
    return k
