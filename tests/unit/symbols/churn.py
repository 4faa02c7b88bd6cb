"""Makes, runs and drops functions for ever: of one size, and at one address again and again. churn.py names: their names
differ, and with them file and line; churn.py twins: name and first line are the same, file and line differ. Says an empty
line, and then "."."""
import sys

print(flush=True)
print(".", flush=True)
twins = sys.argv[1] == "twins"
k = 0
while True:
    k = (k + 1) % 50
    name = "churn" if twins else f"churn{k:02}"
    names = {}
    exec(compile(f"def {name}(n):\n" + "\n" * k + " while n: n -= 1\n", f"<churn{k:02}>", "exec"), names)
    names.pop(name)(5000)
    del names
