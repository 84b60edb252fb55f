"""Applying a look to a video, frame by frame, through ffmpeg.

One ffmpeg decodes to 16-bit RGB, another encodes; between them is one frame at a time,
so that memory does not grow with the length. Frames keep their number, size, rate,
chroma and bit depth, the video its colour tags, and its sound is copied.
"""

import contextlib
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np

from lutjax import errors, files, progress
from lutjax.data import images

# Encoder by extension; `mkv` is without loss.
EXTENSIONS = {
  '.mov': ['-c:v', 'prores_ks', '-profile:v', 'hq'],
  '.mp4': ['-c:v', 'libx264', '-crf', '12', '-preset', 'medium'],
  '.m4v': ['-c:v', 'libx264', '-crf', '12', '-preset', 'medium'],
  '.mkv': ['-c:v', 'ffv1', '-level', '3'],
}
_PIXELS = {
  '.mov': ('yuv422p10le', 'yuv444p10le'),
  '.mp4': (
    'yuv420p',
    'yuv422p',
    'yuv444p',
    'yuv420p10le',
    'yuv422p10le',
    'yuv444p10le',
  ),
}
_STREAM = re.compile(r'Stream #0:\d+.*?: Video: .*')
_FORMAT = re.compile(r', (\w+)\(([^)]*)\)|, ((?:yuv|gbr|rgb|bgr|gray)\w+)')
_HEADER = re.compile(rb'YUV4MPEG2 W(\d+) H(\d+) F(\d+:\d+)')
_ASPECT = re.compile(r'\[SAR (\d+:\d+) ')
_OTHERS = re.compile(r'Stream #0:\d+.*?: (Subtitle|Data|Attachment|Video): ')
_INTERLACED = ('top first', 'bottom first', 'top coded first', 'bottom coded first')
_DURATION = re.compile(r'Duration: (\d+):(\d+):([\d.]+)')
# Rows of a matrix by ffmpeg's name of a colour space; `scale` knows it by another.
_MATRICES = {
  'bt709': 'bt709',
  'bt470bg': 'bt601',
  'smpte170m': 'bt601',
  'bt2020nc': 'bt2020',
  'fcc': 'fcc',
  'smpte240m': 'smpte240m',
}
_HD_ROWS = 720
# By formats with alpha, beside those of `yuva` and `gbrap`.
_WITHOUT_ALPHA = {
  'rgba': 'rgb24',
  'bgra': 'bgr24',
  'argb': 'rgb24',
  'abgr': 'bgr24',
  'rgba64le': 'rgb48le',
  'rgba64be': 'rgb48le',
  'ya8': 'gray',
}


class Stream(NamedTuple):
  """What a video says of its pictures.

  Attributes:
    width: In pixels, turned as it is shown.
    height: In pixels.
    rate: Frames per second, as `25:1`.
    pixels: ffmpeg's name of the pixel format.
    full: Whether codes use the full range.
    tags: ffmpeg's names of colour space, primaries and transfer; empty where unknown.
    frames: How many there are, about.
    aspect: Width of a pixel to its height, as `1:1`.
    others: Kinds of streams beside the first video and sound.
  """

  width: int
  height: int
  rate: str
  pixels: str
  full: bool
  tags: tuple[str, str, str]
  frames: int
  aspect: str = '1:1'
  others: tuple[str, ...] = ()


def is_video(path: str) -> bool:
  """Returns whether a path has the extension of a video."""
  return pathlib.Path(path).suffix.lower() in EXTENSIONS


def grade(
  source: str,
  out: str,
  change: Callable[[np.ndarray], np.ndarray],
  *,
  overwrite: bool = False,
  say: Callable[[str], None] = print,
) -> None:
  """Writes a video with other colours.

  Args:
    source: The video.
    out: The video that is written; its extension is one of `EXTENSIONS`.
    change: `[H, W, 3]` uint16 RGB, a frame, to the same.
    overwrite: Whether a file that is there may be replaced.
    say: Told what is assumed or changed.

  Raises:
    InputError: when a file cannot be read or written as asked; nothing is left then.
  """
  target = pathlib.Path(out)
  suffix = target.suffix.lower()
  if suffix not in EXTENSIONS:
    raise errors.InputError(
      f'--out={out}: found one video, expected a file with one of '
      f'{" ".join(EXTENSIONS)}'
    )
  if target.resolve() == pathlib.Path(source).resolve():
    raise errors.InputError(f'{source}: --out would replace the video itself')
  if target.exists() and not overwrite:
    raise errors.InputError(f'{target}: exists already; --overwrite replaces it')
  stream = probe(source)
  if not stream.width * stream.height <= images.MAX_PIXELS:
    raise errors.InputError(f'{source}: found frames of {stream.width} pixels across')
  opaque = stream.pixels.replace('yuva', 'yuv').replace('gbrap', 'gbrp')
  opaque = _WITHOUT_ALPHA.get(opaque, opaque)
  dropped = [*stream.others, *(['alpha'] if opaque != stream.pixels else [])]
  if dropped:
    say(f'{source}: dropped: {", ".join(dropped)}')
  pixels = _pixels(opaque, suffix)
  if pixels != stream.pixels:
    say(f'{source}: {stream.pixels}, written as {pixels}')
  matrix = _matrix(stream)
  if not stream.tags[0]:
    say(f'{source}: names no colour matrix; {matrix} is taken, and none is written')
  span = 'full' if stream.full else 'limited'
  size_bytes = stream.width * stream.height * 6
  # Accurate rounding in both directions, so that a look that does nothing does so.
  precise = 'flags=accurate_rnd+full_chroma_int+full_chroma_inp+bicubic'
  decode = ['-i', source, '-map', '0:v:0', '-vf']
  decode += [f'scale=in_color_matrix={matrix}:in_range={span}:{precise},format=rgb48le']
  decode += ['-f', 'rawvideo', '-']
  encode = [
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgb48le',
    '-r',
    stream.rate.replace(':', '/'),
  ]
  encode += ['-s', f'{stream.width}x{stream.height}', '-i', '-', '-i', source]
  encode += ['-map', '0:v:0', '-map', '1:a?', '-c:a', 'copy', '-map_metadata', '1']
  to_codes = f'scale=out_color_matrix={matrix}:out_range={span}:{precise}'
  shown = f'setsar={stream.aspect.replace(":", "/")}'
  encode += ['-vf', f'{to_codes},format={pixels},{_tagged(stream)},{shown}']
  encode += EXTENSIONS[suffix]
  with files.replacing(target, overwrite=overwrite) as temporary:
    arguments = [*encode, '-y', str(temporary)]
    with _running(decode, source) as reader, _running(arguments, out, True) as writer:
      given, taken = reader.stdout, writer.stdin
      if given is None or taken is None:
        raise RuntimeError('Expected pipes to and from ffmpeg.')
      frames = _frames(given, size_bytes, source)
      for frame in progress.bar(frames, total=stream.frames, unit='frame'):
        shaped = frame.reshape(stream.height, stream.width, 3)
        try:
          taken.write(np.ascontiguousarray(change(shaped), '<u2').data)
        except BrokenPipeError:  # It says why when it is waited for.
          break


def probe(source: str) -> Stream:
  """Returns what a video says of its pictures.

  Args:
    source: The file.

  Raises:
    InputError: when it is missing or holds no video that ffmpeg reads.
  """
  path = pathlib.Path(source)
  if not path.is_file():
    files.read_bytes(path)  # Says why.
  arguments = ['-loglevel', 'info', '-i', source, '-map', '0:v:0', '-frames:v', '1']
  arguments += ['-pix_fmt', 'yuv444p', '-f', 'yuv4mpegpipe', '-']
  ran = subprocess.run(
    [_ffmpeg(), '-nostdin', *arguments], capture_output=True, check=False
  )
  text = ran.stderr.decode('utf-8', 'replace')
  header, line = _HEADER.match(ran.stdout), _STREAM.search(text)
  if header is None or line is None:
    reason = _last(text)
    raise errors.InputError(f'{source}: found no video that ffmpeg reads: {reason}')
  width, height, rate = header.groups()
  found = _FORMAT.search(line.group())
  pixels, notes = 'yuv420p', ''
  if found is not None:
    pixels, notes = found.group(1) or found.group(3), found.group(2) or ''
  way = next((w for w in _INTERLACED if w in notes), None)
  if way is not None:
    raise errors.InputError(
      f'{source}: found interlaced frames ({way}), expected progressive ones'
    )
  aspect = _ASPECT.search(line.group())
  others = [kind.lower() for kind in _OTHERS.findall(text.partition('Output #')[0])]
  others.remove('video')
  duration = _DURATION.search(text)
  frames = 0
  if duration is not None:
    hours, minutes, seconds = map(float, duration.groups())
    number, base = map(int, rate.split(b':'))
    frames = round((3600 * hours + 60 * minutes + seconds) * number / max(base, 1))
  full = 'pc' in notes.split(', ')
  return Stream(
    int(width),
    int(height),
    rate.decode(),
    pixels,
    full,
    _tags(notes),
    frames,
    aspect.group(1) if aspect else '1:1',
    tuple(dict.fromkeys(others)),
  )


def _tags(notes: str) -> tuple[str, str, str]:
  """Reads colour space, primaries and transfer from ffmpeg's description."""
  ways = ('progressive', 'top first', 'bottom first', 'top coded', 'bottom coded')
  for note in notes.split(', '):
    names = note.split('/')
    if note in ('tv', 'pc', 'left', 'center', 'topleft', *ways) or ' ' in note:
      continue
    if len(names) in (1, 3):
      names = names * 3 if len(names) == 1 else names
      space, primaries, transfer = ('' if n == 'unknown' else n for n in names)
      return space, primaries, transfer
  return '', '', ''


def _matrix(stream: Stream) -> str:
  """Returns the matrix between RGB and the codes of a video."""
  if stream.tags[0] in _MATRICES:
    return _MATRICES[stream.tags[0]]
  return 'bt709' if stream.height >= _HD_ROWS else 'bt601'


def _tagged(stream: Stream) -> str:
  """Returns the filter that gives frames the tags of a video, and no other."""
  names = ('colorspace', 'color_primaries', 'color_trc')
  tags = [f'{name}={tag or "unknown"}' for name, tag in zip(names, stream.tags)]
  return f'setparams={":".join(tags)}:range={"full" if stream.full else "limited"}'


def _pixels(pixels: str, suffix: str) -> str:
  """Returns the nearest pixel format that an encoder has."""
  known = _PIXELS.get('.mp4' if suffix == '.m4v' else suffix)
  if known is None or pixels in known:
    return pixels
  chroma = next((c for c in ('444', '422') if c in pixels), '420')
  deep = '10le' if re.search(r'1[0246]', pixels) else ''
  chroma = '444' if pixels.startswith(('gbr', 'rgb', 'bgr')) else chroma
  fitting = [k for k in known if chroma in k and k.endswith(deep or ('p', '10le'))]
  return fitting[0] if fitting else known[0]


def _ffmpeg() -> str:
  """Returns ffmpeg's program."""
  try:
    import imageio_ffmpeg
  except ImportError as error:
    raise errors.InputError(
      'found no imageio-ffmpeg, which reads and writes videos; pip install '
      'imageio-ffmpeg (extra [video]) brings it'
    ) from error
  return imageio_ffmpeg.get_ffmpeg_exe()


@contextlib.contextmanager
def _running(
  arguments: Sequence[str], source: str, writes: bool = False
) -> Iterator[subprocess.Popen]:
  """Runs ffmpeg, and raises one line of what it says where it fails."""
  command = [_ffmpeg(), '-hide_banner', '-loglevel', 'error', *arguments]
  with tempfile.TemporaryFile() as told:
    process = subprocess.Popen(
      command,
      stdin=subprocess.PIPE if writes else subprocess.DEVNULL,
      stdout=subprocess.DEVNULL if writes else subprocess.PIPE,
      stderr=told,
    )
    try:
      yield process
      for pipe in (process.stdin, process.stdout):
        if pipe is not None:
          with contextlib.suppress(BrokenPipeError):
            pipe.close()
      code = process.wait()
    except BaseException:
      process.kill()
      process.wait()
      raise
    finally:
      for pipe in (process.stdin, process.stdout):
        if pipe is not None:
          with contextlib.suppress(BrokenPipeError):
            pipe.close()
    told.seek(0)
    text = told.read().decode('utf-8', 'replace')
    if code:
      raise errors.InputError(f'{source}: ffmpeg failed: {_first(text)}')


def _frames(pipe: IO[bytes], size_bytes: int, source: str) -> Iterator[np.ndarray]:
  """Yields frames as codes."""
  while True:
    content = pipe.read(size_bytes)
    if not content:
      return
    if len(content) != size_bytes:
      raise errors.InputError(f'{source}: found a frame that is cut short')
    yield np.frombuffer(content, '<u2').astype(np.uint16)


def _first(text: str) -> str:
  return _line(text, 0)


def _last(text: str) -> str:
  return _line(text, -1)


def _line(text: str, index: int) -> str:
  lines = [line for line in text.splitlines() if line.strip()]
  return ' '.join(lines[index].split())[:160] if lines else 'it says nothing'
