"""Artefacts that are cut short, altered or forged: a clear line, and no more."""

from absl.testing import absltest

from lutjax.viewer import artefact
from tests.viewer import decoding, models

# What becomes of an artefact: `null`, or what was thrown where that is no clear line.
_TRY = """
  const forged = content => {
    // The checksum as it would be.
    const {crc32} = lutjax.bytes;
    const sum = crc32(content.subarray(8), crc32(content.subarray(0, 4)));
    new DataView(content.buffer).setUint32(4, sum, true);
    return content;
  };
  const counts = {read: 0, refused: 0};
  const unclear = new Set();
  const attempt = async (content, mustFail) => {
    try {
      const model = await lutjax.artefact.read(content);
      const table = model.lattice(0, 3);
      counts.read++;
      if (mustFail) unclear.add('read ' + content.length + ' bytes');
      if (!table.every(Number.isFinite)) unclear.add('not finite');
    } catch (error) {
      counts.refused++;
      const line = /^[^\\n]{10,200}$/.test(error.message);
      if (error.constructor !== Error || !line) unclear.add(String(error.stack));
    }
  };
"""


class BrokenTest(decoding.TestCase):
  def test_every_truncation_and_damage_is_refused(self):
    for name, content in _artefacts().items():
      with self.subTest(name):
        found = self.run_script(
          _TRY
          + """
          const content = bytes(args[0]);
          for (let size = 0; size < content.length; size += args[1]) {
            await attempt(content.slice(0, size), true);
          }
          for (let at = 0; at < content.length; at += args[1]) {
            const damaged = content.slice();
            damaged[at] ^= 1 << at % 8;
            await attempt(damaged, true);
          }
          await attempt(new Uint8Array([...content, 0]), true);
          return {...counts, unclear: [...unclear]};
          """,
          decoding.text_of(content),
          max(1, len(content) // 60),
        )
        self.assertEmpty(found['unclear'])
        self.assertEqual(found['read'], 0)
        self.assertGreater(found['refused'], 110)

  def test_forged_content_is_read_or_refused(self):
    for name, content in _artefacts().items():
      with self.subTest(name):
        found = self.run_script(
          _TRY
          + """
          const content = bytes(args[0]);
          for (let at = 8; at < content.length; at += args[1]) {
            for (const value of [content[at] ^ 1 << at % 8, 0, 255]) {
              const changed = content.slice();
              changed[at] = value;
              await attempt(forged(changed), false);
            }
          }
          return {...counts, unclear: [...unclear]};
          """,
          decoding.text_of(content),
          max(1, len(content) // 60),
        )
        self.assertEmpty(found['unclear'])
        self.assertGreater(found['refused'], 10)

  def test_foreign_content_is_named(self):
    for content, message in (
      (b'not an artefact', 'expected a lutjax artefact'),
      (b'LJX\x02' + bytes(20), 'found format 2, expected 1'),
      (b'', 'expected a lutjax artefact'),
    ):
      found = self.run_script(
        'return lutjax.artefact.read(bytes(args[0])).then(() => "", e => e.message);',
        decoding.text_of(content),
      )
      self.assertIn(message, found)


def _artefacts() -> dict[str, bytes]:
  made = {name: artefact.for_page(content) for name, content in models.small().items()}
  return {**made, 'lattices': artefact.lattices(['one'], [models.table_of(4)])}


if __name__ == '__main__':
  absltest.main()
