"""hands record batches over by Arrow's C stream: the same memory in so many parts; through nanoarrow; or as IPC bytes that are read"""
params = {"way": ("where the stream comes from", ("native", "nanoarrow", "ipc")),
          "batches": ("how many", ("16", "1", "256")),
          "size": ("bytes of doubles, of all batches", ("1m", "256k", "16m"))}


def native_calls(axes):
    return int(axes["batches"])


class Stream:
    """A State whose V3 looks at the last batch: the kernel library says where it saw that."""

    def __init__(self, cell):
        ways = cell.host.part("exchange")
        raw, n, way = ways.data(cell.axes["size"]), int(cell.axes["batches"]), cell.axes["way"]
        library = ways.library(cell)
        memory = library.Block(raw)
        batches = library.Batches(memory, n)
        names, statement = {"native": library.sum_arrow_stream, "batches": batches}, "k = native(k, batches)"
        if way != "native":
            nanoarrow = ways.package(cell, "nanoarrow")
            names["taken"] = nanoarrow.c_array_stream
            statement = "k = native(k, taken(batches))"
        if way == "ipc":
            import io

            from nanoarrow import ipc
            written = io.BytesIO()
            with ipc.StreamWriter.from_writable(written) as writer:
                writer.write_stream(batches)
            names.update(opened=ipc.InputStream.from_readable, written=written.getvalue(), Bytes=io.BytesIO)
            statement = "with opened(Bytes(written)) as read: k = native(k, taken(read))"
        self.state = ways.State(cell, memory, ways.total(raw), statement, names, copies=way == "ipc")
        self.last = memoryview(memory)[len(raw) // 8 // n * (n - 1):]


def setup(cell):
    return Stream(cell)


def loop(stream):
    return stream.state.statement, stream.state.names


def verify(stream, result, operations, start):
    return stream.state.right(result, operations, start)


def exporter(stream):
    return stream.last


def copies(stream):
    return stream.state.copies


def view(stream, last):
    stream.state.view()
