/** Files of sessions: their bytes, a chunk at a time, checked against their SHA-256. */
import { ask } from './link.js';

/** As a browser keeps them: whatever is in them, it is not shown. */
export const bytesOf = (pieces) => new Blob(pieces, { type: 'application/octet-stream' });

/** One after the other: a connection asks for one chunk at a time. */
let turn = Promise.resolve();

async function chunksOf(file, told) {
  const pieces = [];
  let had = 0;
  for (let index = 0; index < file.chunks; index++) {
    const { data } = await ask('artifact_query', { session_id: file.session_id, name: file.name,
      sha256: file.sha256, index });
    const piece = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    pieces.push(piece);
    had += piece.length;
    told(had / file.size);
  }
  return bytesOf(pieces);
}

/** A file's bytes, as a Blob; `told` is called with the part that has come. */
export async function fileBytes(file, told) {
  const before = turn;
  let done;
  turn = new Promise((resolve) => {
    done = resolve;
  });
  try {
    await before;
    const blob = await chunksOf(file, told);
    if (crypto.subtle) { // it is not on pages of another machine without TLS
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
      const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
      if (found !== file.sha256) throw new Error(`its SHA-256 is ${found}, not that of the file that was meant`);
    }
    return blob;
  } finally {
    done();
  }
}

/** Has the browser keep it. The name is the last part of the peer's. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name.split(/[/\\]/).at(-1) || 'file';
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** The text that it is; null: it is none. */
export async function textOf(blob) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await blob.arrayBuffer());
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
