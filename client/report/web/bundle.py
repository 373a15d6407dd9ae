#!/usr/bin/env python3
"""Puts the page of `synergyctl report` and `evaluate` into one text, as C++ source.

usage: bundle.py NODE_MODULES OUTPUT.cc

The modules of this folder become functions of one script, called in the order of ORDER, each of which gives what it
exports to those behind it.
"""
import base64
import hashlib
import pathlib
import re
import sys

WEB = pathlib.Path(__file__).resolve().parent
ORDER = ["text", "dom", "packed", "pyramid", "scales", "table", "labels", "charts", "seriesplot", "summary", "energy", "timeline",
         "plots", "conditions", "comparison", "evaluation", "main"]
IMPORT = re.compile(r'^import (\{[^;}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:function|const) (\w+))", re.MULTILINE)
DATA = "@DATA@"
PIECE = 8000  # a compiler need not take longer literals


def module(name):
    text = (WEB / f"{name}.js").read_text()
    exported = ", ".join(found[1] for found in EXPORT.findall(text))
    text = EXPORT.sub(r"\1", IMPORT.sub(r"const \1 = modules.\2;", text))
    return f"modules.{name} = (() => {{\n{text}return {{ {exported} }};\n}})();\n"


def script(node_modules):
    names = {path.stem for path in WEB.glob("*.js")}
    if names != set(ORDER):
        sys.exit(f"bundle.py: ORDER and the modules differ by {sorted(names ^ set(ORDER))}")
    library = (node_modules / "uplot/dist/uPlot.iife.min.js").read_text()
    return library + '\n(() => {\n"use strict";\nconst modules = {};\n' + "".join(map(module, ORDER)) + "})();\n"


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def page(node_modules):
    style = (node_modules / "uplot/dist/uPlot.min.css").read_text() + (WEB / "page.css").read_text()
    code = script(node_modules)
    for text, end in ((code, "</script"), (style, "</style")):
        if end in text.lower() or "<!--" in text:
            sys.exit(f"bundle.py: {end} or <!-- occurs in what it would end")
    policy = f"default-src 'none'; script-src {digest(code)}; style-src {digest(style)}; img-src data:; " \
             "base-uri 'none'; form-action 'none'"
    text = (WEB / "page.html").read_text()
    for name, value in (("@POLICY@", policy), ("@STYLE@", style), ("@SCRIPT@", code)):
        assert text.count(name) == 1, name
        text = text.replace(name, value)
    return text.split(DATA)


def literal(text):
    raw = text.encode()
    pieces = [raw[at:at + PIECE] for at in range(0, len(raw), PIECE)]
    lines = []
    for piece in pieces:
        quoted = "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
                         for byte in piece)
        lines.append(f'    "{quoted}"')
    return "\n".join(lines) + f",\n    {len(raw)}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    head, tail = page(pathlib.Path(sys.argv[1]))
    pathlib.Path(sys.argv[2]).write_text(
        '#include "client/report/page/report_page.h"\n\nnamespace synergy {\n\n'
        f"std::string_view ReportPageHead() {{\n  return {{\n{literal(head)}}};\n}}\n\n"
        f"std::string_view ReportPageTail() {{\n  return {{\n{literal(tail)}}};\n}}\n\n"
        "}  // namespace synergy\n")


if __name__ == "__main__":
    main()
