"""usage: embed.py OUTPUT FILE...

Writes the C array `page_files`: each FILE's bytes, the path that it is served under (index.html is
/, all others are /page/NAME), its type, and an ETag that is a hash of the bytes."""
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
PLAIN = {byte for byte in range(0x20, 0x7f) if chr(byte) not in '"\\?'}


def quoted(data):
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in data)


target, *sources = sys.argv[1:]
with open(target, "w", encoding="ascii") as out:
    out.write('#include "gateway/page.h"\n\nconst struct page_file page_files[] = {\n')
    for source in sources:
        name = os.path.basename(source)
        with open(source, "rb") as file:
            data = file.read()
        path = "/" if name == "index.html" else "/page/" + name
        out.write(f'{{"{path}", "{TYPES[os.path.splitext(name)[1]]}", "\\"{hashlib.sha256(data).hexdigest()[:32]}\\"",\n')
        for line in data.splitlines(keepends=True):
            out.write(f'"{quoted(line)}"\n')
        out.write(f', {len(data)}}},\n' if data else '"", 0},\n')
    out.write("{0}};\n")
