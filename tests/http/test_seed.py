"""The store that bench/http and bench/web measure with is one that benchd could have written."""
import os
import subprocess

from daemon import BUILD, Case


class Seed(Case):
    def test_what_it_makes(self):
        data = os.path.join(self.folder(), "d")
        out = subprocess.run([os.path.join(BUILD, "bench", "seed"), data, "40", "10000"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(out, r"^40 runs, \d+ samples in")
        d = self.start(data=data)
        rows = d.get("/api/v1/runs?limit=100")["runs"]
        self.assertEqual(len(rows), 40)
        self.assertEqual([r["id"] for r in rows], sorted((r["id"] for r in rows), reverse=True))
        self.assertEqual({r["state"] for r in rows}, {"complete", "cancelled"})
        self.assertTrue(all(sum(r["statuses"].values()) == r["cells"] == 19 for r in rows))
        self.assertTrue(any(r["statuses"]["invalid"] for r in rows) and any(r["statuses"]["unsupported"] for r in rows))
        document = d.get(f"/api/v1/runs/{rows[0]['id']}")
        self.assertEqual([n["kind"] for n in document["noise"]], ["same-process", "second-process"])
        for cell in document["cells"]:
            points = d.get(f"/api/v1/series/{cell['series']}/points")["points"]
            self.assertEqual([p["run"] for p in points], [r["id"] for r in reversed(rows)])
        self.assertEqual(sum(c["samples"] for c in document["cells"]), 19 * 6 * 2)
        self.assertEqual(subprocess.run([os.path.join(BUILD, "bench", "seed"), data, "x"], capture_output=True, check=False).returncode, 64)
