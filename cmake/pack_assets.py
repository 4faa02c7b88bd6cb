"""Packs the dashboard into one C file: every asset compressed, under a path that carries the hash of them all, so that
browsers keep it for ever; the shell (index.html) with that path written into it; and the page that holds one run,
bundled into a single file. Both bring the licenses of what comes from packages. With --off REASON the C file says only why there is no dashboard.
"""
import argparse
import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".txt": "text/plain; charset=utf-8"}
LICENSES = "licenses.txt"
ENTRIES = ("app.js", "app.css", "theme.js")
MODULES = re.compile(r"<!-- modules: (.+) -->\n")
DOCUMENT = "<!-- the document -->"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def collect(web):
    """{path below web: bytes} of everything but the templates."""
    found = {}
    for folder, folders, names in os.walk(web):
        folders[:] = [f for f in folders if f not in ("node_modules", "licenses")]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), web)
            if os.path.splitext(name)[1] in TYPES:
                found[path] = read(os.path.join(web, path))
    return found


class Esbuild:
    def __init__(self, modules):
        self.program = os.path.join(modules, "@esbuild", "linux-x64", "bin", "esbuild")

    def run(self, *args, text=None):
        done = subprocess.run([self.program, "--log-level=warning", *args], input=text, capture_output=True, check=False)
        if done.returncode or done.stderr:
            sys.exit(f"esbuild {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout

    def smaller(self, name, text):
        return self.run("--minify", "--loader=" + os.path.splitext(name)[1][1:], "--legal-comments=none", text=text)


def stage(folder, files):
    """Assets as one tree, so that a bundler finds what they import."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in files.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(data)


def bundle(esbuild, folder):
    """({path: bytes} of what the dashboard loads, {entry: the files it needs at once}): the modules as few files, because each
    costs a connection. What is imported later is a file of its own; what several need is shared."""
    out = os.path.join(folder, "bundled")
    esbuild.run("--bundle", "--splitting", "--minify", "--format=esm", "--legal-comments=none", "--charset=utf8", "--outdir=" + out,
                "--entry-names=[name]", "--chunk-names=part/[name]-[hash]", "--metafile=" + os.path.join(folder, "meta.json"),
                *(os.path.join(folder, name) for name in ENTRIES))
    outputs = {os.path.relpath(path, os.path.relpath(out)): about for path, about in json.loads(read(os.path.join(folder, "meta.json")))["outputs"].items()}

    def needs(path, found):
        if path not in found:
            found.append(path)
            for other in outputs[path]["imports"]:
                if other["kind"] == "import-statement":
                    needs(os.path.relpath(other["path"], os.path.relpath(out)), found)
        return found

    at_once = {os.path.relpath(about["entryPoint"], os.path.relpath(folder)): needs(path, [])
               for path, about in outputs.items() if "entryPoint" in about}
    return {path: read(os.path.join(out, path)) for path in outputs}, at_once


def licenses(items):
    """The terms of everything that is copied from packages, as they want to accompany every copy."""
    text = b"benchd's dashboard contains parts of these works, each under its own terms.\n"
    for item in items:
        name, _, path = item.partition("=")
        terms = read(path).strip(b"\n")
        if not re.search(rb"copyright", terms, re.I):
            sys.exit(f"{path}: no terms in it")
        text += b"\n---- %s ----\n\n%s\n" % (name.encode(), terms)
    return text


def csp_hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def make_page(esbuild, folder, template, style, terms):
    """The page of one run in two halves, between which its document belongs."""
    script = esbuild.run("--bundle", "--minify", "--format=iife", "--legal-comments=none", "--charset=utf8",
                         os.path.join(folder, "page.js")).strip()
    style = esbuild.smaller("style.css", style).strip()
    for text, end in ((script, b"</script"), (style, b"</style")):
        if end in text.lower() or b"<!--" in text:
            sys.exit(f"the page's own text would end its element early: {end.decode()}")
    if b"-->" in terms or b"--!>" in terms:
        sys.exit("a license would end its comment early")
    policy = f"default-src 'none'; script-src {csp_hash(script)}; style-src {csp_hash(style)}; img-src data:; " \
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    text = template
    for mark, value in (("POLICY", policy.encode()), ("LICENSES", terms), ("STYLE", style), ("SCRIPT", script)):
        if text.count(b"{{" + mark.encode() + b"}}") != 1:
            sys.exit(f"web/page.html must have {{{{{mark}}}}} once")
        text = text.replace(b"{{" + mark.encode() + b"}}", value)
    if text.count(DOCUMENT.encode()) != 1:
        sys.exit(f"web/page.html must have {DOCUMENT} once")
    return text.split(DOCUMENT.encode())


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


class Output:
    def __init__(self):
        self.arrays, self.count = [], 0

    def asset(self, path, kind, data):
        packed = gzip.compress(data, 9, mtime=0)
        self.count += 1
        self.arrays.append(f"static const unsigned char a{self.count}[] = {{{','.join(map(str, packed))}}};\n")
        return f"{{{c_string(path)}, {c_string(kind)}, a{self.count}, {len(packed)}, {len(data)}}}"


def write(path, rows, named, digest, off, arrays):
    text = '/* written by cmake/pack_assets.py */\n#include "assets.h"\n\n' + "".join(arrays)
    text += f"const char *const bd_http_assets_off = {c_string(off) if off else 'NULL'};\n"
    text += f"const char bd_http_assets_hash[] = {c_string(digest)};\n"
    none = "{0}"
    text += f"const struct bd_http_asset bd_http_assets[] = {{{', '.join(rows) or none}}};\n"
    text += f"const size_t bd_http_assets_len = {len(rows)};\n"
    for name in ("shell", "page_head", "page_tail"):
        text += f"const struct bd_http_asset bd_http_{name} = {named.get(name, none)};\n"
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)


def pack(options):
    esbuild = Esbuild(options.modules)
    sources = collect(options.web)
    for item in options.vendor:
        name, _, source = item.partition("=")
        sources["vendor/" + name] = read(os.path.join(options.modules, source))
    stage(options.stage, sources)
    assets, at_once = bundle(esbuild, options.stage)
    assets.update({path: data for path, data in sources.items() if path.endswith(".svg")})
    terms = assets[LICENSES] = licenses(options.licenses)
    shell = read(os.path.join(options.web, "index.html")).decode()
    digest = hashlib.sha256()
    for path in sorted(assets):
        digest.update(b"%d %s %d\n" % (len(path), path.encode(), len(assets[path])))
        digest.update(assets[path])
    digest.update(shell.encode())
    digest = digest.hexdigest()[:16]

    def links(match):
        names = []
        for name in match[1].split():
            if name not in at_once:
                sys.exit(f"web/index.html names the module {name}, which is none that app.js loads")
            names += [path for path in at_once[name] if path not in names]
        return "".join(f'<link rel="modulepreload" href="/assets/{digest}/{path}">\n' for path in names)

    shell = MODULES.sub(links, shell.replace("/assets/HASH/", f"/assets/{digest}/"))
    for path in re.findall(rf"/assets/{digest}/([^\"'>]+)", shell):
        if path not in assets:
            sys.exit(f"web/index.html names '{path}', which is not there")
    head, tail = make_page(esbuild, options.stage, read(os.path.join(options.web, "page.html")), sources["style.css"],
                           terms)

    out = Output()
    rows = [out.asset(path, TYPES[os.path.splitext(path)[1]], assets[path]) for path in sorted(assets)]
    html = "text/html; charset=utf-8"
    named = {"shell": out.asset("index.html", html, shell.encode()), "page_head": out.asset("page.html", html, head),
             "page_tail": out.asset("page.html", html, tail)}
    with open(os.path.join(os.path.dirname(options.out), LICENSES), "wb") as file:  # for the installation
        file.write(terms)
    write(options.out, rows, named, digest, None, out.arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--off")
    parser.add_argument("--web")
    parser.add_argument("--modules")
    parser.add_argument("--stage")
    parser.add_argument("--vendor", nargs="*", default=[])
    parser.add_argument("--licenses", nargs="*", default=[])
    options = parser.parse_args()
    if options.off:
        write(options.out, [], {}, "", options.off, [])
    else:
        pack(options)


main()
