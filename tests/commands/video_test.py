import os
import subprocess
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.commands import apply, look_files, video
from lutjax.lut import cube, lattice

try:
  import imageio_ffmpeg
except ImportError:
  imageio_ffmpeg = None

_WIDTH, _HEIGHT, _FRAMES = 256, 64, 5


def _ffmpeg(*arguments):
  command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', *map(str, arguments)]
  return subprocess.run(command, capture_output=True, check=True).stdout


def _rgb(path, matrix='bt709', before='null'):
  precise = 'flags=accurate_rnd+full_chroma_int+full_chroma_inp+bicubic'
  scale = f'scale=in_color_matrix={matrix}:{precise},format=rgb48le'
  raw = _ffmpeg(
    '-i', path, '-vf', f'{scale},{before}', '-pix_fmt', 'rgb48le', '-f', 'rawvideo', '-'
  )
  return np.frombuffer(raw, '<u2').reshape(-1, _HEIGHT, _WIDTH, 3).astype(int)


@unittest.skipIf(imageio_ffmpeg is None, 'needs imageio-ffmpeg')
class VideoTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.lines = []
    self.source = self.make('in.mkv', '-c:v', 'ffv1')
    nodes = lattice.identity(9)
    lut = lattice.from_table(nodes**0.9 * 0.9 + 0.05 * nodes[..., ::-1])
    self.lut = f'{self.folder}/look.cube'
    with open(self.lut, 'wb') as file:
      file.write(cube.render(lut))
    self.look = look_files.of_lut(lut)

  def make(self, name, *codec, pixels='yuv422p10le', tags=True):
    path = f'{self.folder}/{name}'
    size = f'testsrc2=s={_WIDTH}x{_HEIGHT}:r=30000/1001'
    tag = 'bt709' if tags else 'unknown'
    tags = f'colorspace={tag}:color_primaries={tag}:color_trc={tag}'
    before = f'scale=out_color_matrix=bt709,format={pixels},setparams={tags}'
    sound = ('-f', 'lavfi', '-i', 'sine=d=0.1')
    _ffmpeg(
      *('-f', 'lavfi', '-i', size, *sound, '-frames:v', _FRAMES, '-vf', before),
      *(*codec, path),
    )
    return path

  def apply(self, source, name, look=None, **options):
    out = f'{self.folder}/{name}'
    apply.apply_to_video(
      look or self.look, source, out, say=self.lines.append, **options
    )
    return out

  @parameterized.parameters('tetrahedral', 'trilinear')
  def test_equals_the_filter_of_ffmpeg_on_16_bits(self, method):
    seen = []

    def keep(frame):
      mapped = apply.host.mapper(self.look.own, method=method)
      mapped = mapped or apply.applier(
        self.look.own, interpolation=method, strength=1.0
      )
      if frame.dtype == np.uint16:
        seen.append(np.asarray(mapped(frame), int))
      return frame

    video.grade(self.source, f'{self.folder}/o.mkv', keep, say=self.lines.append)
    want = _rgb(self.source, before=f'lut3d=file={self.lut}:interp={method}')
    got = np.stack(seen)
    self.assertEqual(got.shape, (_FRAMES, _HEIGHT, _WIDTH, 3))
    # The filter cuts where the kernels round.
    self.assertLessEqual(np.abs(got - want).max(), 1)

  def test_keeps_frames_depth_tags_rate_and_sound(self):
    out = self.apply(self.source, 'out.mkv')
    was, now = video.probe(self.source), video.probe(out)
    self.assertEqual(now._replace(frames=0), was._replace(frames=0))
    self.assertEqual(now.pixels, 'yuv422p10le')
    self.assertEqual(now.tags, ('bt709', 'bt709', 'bt709'))
    self.assertEqual(now.rate, '30000:1001')
    self.assertLen(_rgb(out), _FRAMES)
    self.assertNotEmpty(_ffmpeg('-i', out, '-map', '0:a', '-f', 's16le', '-'))
    self.assertEmpty(self.lines)

  def test_a_look_that_does_nothing_keeps_codes(self):
    source = self.make('g.mkv', '-c:v', 'ffv1', pixels='yuv444p10le')
    plain = look_files.of_lut(lattice.from_table(lattice.identity(2)))
    out = self.apply(source, 'same.mkv', plain)
    codes = [
      np.frombuffer(_ffmpeg('-i', p, '-f', 'rawvideo', '-'), '<u2').astype(int)
      for p in (source, out)
    ]
    self.assertLessEqual(np.abs(codes[0] - codes[1]).max(), 1)

  @parameterized.parameters(('o.mov', 'yuv422p10le'), ('o.mp4', 'yuv422p10le'))
  def test_other_containers(self, name, pixels):
    out = self.apply(self.source, name)
    self.assertEqual(video.probe(out).pixels, pixels)
    self.assertEqual(video.probe(out).tags, ('bt709', 'bt709', 'bt709'))

  def test_says_what_is_assumed(self):
    source = self.make('u.mkv', '-c:v', 'ffv1', pixels='yuv420p', tags=False)
    out = self.apply(source, 'u.mov')
    self.assertRegex(self.lines[0], 'yuv420p, written as yuv422p10le')
    self.assertRegex(self.lines[1], 'names no colour matrix; bt601 is taken')
    self.assertEqual(video.probe(out).tags, ('', '', ''))

  def test_refuses_in_one_line_and_leaves_nothing(self):
    bad = f'{self.folder}/bad.mov'
    with open(bad, 'wb') as file:
      file.write(b'no video')
    for source, out, message in (
      (bad, 'o.mov', 'bad.mov: found no video that ffmpeg reads'),
      (f'{self.folder}/none.mov', 'o.mov', 'No such file'),
      (self.source, 'o.png', 'expected a file with one of .mov'),
      (self.source, 'in.mkv', 'would replace the video itself'),
    ):
      with self.assertRaisesRegex(errors.InputError, message) as caught:
        self.apply(source, out)
      self.assertNotIn('\n', str(caught.exception))

    def broken(frame):
      raise errors.InputError('stopped')

    with self.assertRaisesRegex(errors.InputError, 'stopped'):
      video.grade(self.source, f'{self.folder}/half.mkv', broken)
    self.assertEmpty([name for name in os.listdir(self.folder) if 'half' in name])


if __name__ == '__main__':
  absltest.main()
