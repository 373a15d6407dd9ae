#!/usr/bin/env python3
"""Checks the dependency direction of the tree, from #include lines.

usage: layering.py ROOT     exit 1 and one line per violation where the tree breaks a rule
"""
import pathlib
import re
import sys

# What each folder may include of the project's own folders, besides itself. The longest matching
# prefix of a file's path decides.
LAYERS = {
    "common": [],
    "daemon/power": ["common"],
    "daemon/clocks": ["common"],
    "daemon/counters": ["common"],
    "daemon/sampling": ["common", "daemon/power", "daemon/clocks"],
    "daemon/jobs": ["common", "daemon/power", "daemon/clocks", "daemon/counters", "daemon/sampling"],
    "daemon/sim": ["common", "daemon/power", "daemon/clocks", "daemon/sampling", "daemon/jobs",
                   "client/models"],
    "daemon/diagnosis": ["common", "daemon/power", "daemon/clocks", "daemon/counters", "daemon/jobs"],
    "daemon/access": ["common"],
    "daemon/control": ["common", "daemon/power", "daemon/clocks", "daemon/sampling", "daemon/jobs",
                       "daemon/access"],
    "daemon/front": ["common", "daemon/sampling", "daemon/control"],
    "daemon/worker": ["common"],
    "daemon": ["common", "daemon/power", "daemon/clocks", "daemon/counters", "daemon/sampling", "daemon/jobs",
               "daemon/diagnosis", "daemon/access", "daemon/control"],
    "client/models": ["common"],
    "client/jobs": ["common"],
    "client/analysis": ["common"],
    "client/predict": ["common", "client/models", "client/analysis"],
    "client/store": ["common", "client/models", "client/analysis", "client/predict"],
    "client/report": ["common", "client/models", "client/analysis", "client/predict"],
    "client/report/page": ["common", "client/models", "client/analysis", "client/export", "client/traces"],
    "client/watch": ["common", "client/models", "client/analysis", "client/predict"],
    "client/meter": ["common", "client/store"],
    "client/traces": ["common"],
    "client/export": ["common", "client/analysis", "client/traces"],
    "client/net": ["common", "client/models", "client/analysis", "client/predict"],
    "client/commands": ["common", "client"],
    "client": ["common", "client"],
}

# Headers that belong to one room: pattern, folders that may include it, why.
CONFINED = [
    (r".*\.grpc\.pb\.h", ["daemon/front", "client/net"], "gRPC services stay at the edges"),
    (r"grpcpp/.*|grpc/.*", ["daemon/front", "client/net"], "gRPC stays at the edges"),
    (r"sqlite3\.h", ["client/store"], "SQL stays in the store"),
    (r"libpq-fe\.h", ["client/store"], "SQL stays in the store"),
    (r"caffe2/proto/caffe2\.pb\.h", ["daemon/worker", "client/models"], "NetDefs"),
    (r"onnx/.*pb\.h", ["client/models/onnx"], "ONNX's messages end in their converter"),
    (r"(caffe2|c10)/.*", ["daemon/worker"], "libcaffe2 is linked into engines alone"),
    (r"client/store/truth_store\.h", ["client/store", "client/commands"],
     "no analysis code sees a simulated board's truth"),
]

# Words that must not occur in code of these folders.
FORBIDDEN_WORDS = [
    (r"\b(RunTruth|OperatorTruth|TruthStore)\b",
     ["common/attribution", "client/analysis", "client/predict"],
     "no analysis code sees a simulated board's truth"),
]

FORBIDDEN_NAMES = re.compile(r"(^|_)(manager|helper|utils|impl)s?(_|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    fitting = [layer for layer in LAYERS if path == layer or path.startswith(layer + "/")]
    return max(fitting, key=len) if fitting else None


def in_folders(path, folders):
    return any(path.startswith(folder + "/") for folder in folders)


def check_includes(path, text):
    layer = layer_of(path)
    for included in INCLUDE.findall(text):
        for pattern, folders, why in CONFINED:
            if re.fullmatch(pattern, included):
                if not in_folders(path, folders):
                    yield f"includes {included}, which only {', '.join(folders)} may: {why}"
                break
        target = layer_of(included)
        if target is None or layer is None or target == layer:
            continue
        allowed = LAYERS[layer]
        if not any(target == a or target.startswith(a + "/") for a in allowed):
            yield f"includes {included}: {layer} may only use {', '.join(allowed) or 'itself'}"


def check_file(path, text):
    yield from check_includes(path, text)
    for pattern, folders, why in FORBIDDEN_WORDS:
        if in_folders(path, folders) and (found := re.search(pattern, text)):
            yield f"names {found.group()}: {why}"
    if path.endswith(".h") and "#pragma once" not in text:
        yield "has no #pragma once"
    if FORBIDDEN_NAMES.search(pathlib.PurePath(path).stem):
        yield "is named Manager, Helper, Utils or Impl: name it after what it is"


def check_tree(root):
    problems, files = [], 0
    for folder in ("common", "daemon", "client"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            files += 1
            path = file.relative_to(root).as_posix()
            problems += [f"{path} {p}" for p in check_file(path, file.read_text())]
    if files == 0:
        problems.append(f"{root} holds no sources: wrong folder?")
    return problems


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = check_tree(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) or "the layers hold")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
