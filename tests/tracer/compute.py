"""compute.py THREADS INTERVAL_S: threads that compute in Python for as many seconds as each line says."""
import json
import sys
import threading
import time

sys.setswitchinterval(float(sys.argv[2]))
count = int(sys.argv[1])
start, stop = threading.Barrier(count + 1), threading.Barrier(count + 1)
tids, end = [], [0.0]


def compute():
    tids.append(threading.get_native_id())
    while True:
        start.wait()
        if not end[0]:
            return
        while time.monotonic() < end[0]:
            for _ in range(100):
                pass
        stop.wait()


threads = [threading.Thread(target=compute) for _ in range(count)]
for t in threads:
    t.start()
while start.n_waiting < count:
    time.sleep(0.001)
print(json.dumps({"tids": tids}), flush=True)
for line in sys.stdin:
    begin = time.monotonic()
    end[0] = begin + float(line)
    start.wait()
    stop.wait()
    while start.n_waiting < count:
        time.sleep(0.001)
    print(json.dumps({"wall_ns": int((time.monotonic() - begin) * 1e9)}), flush=True)
end[0] = 0
start.wait()
for t in threads:
    t.join()
