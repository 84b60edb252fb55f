"""PNG files that carry wide-gamut colours, and what Python makes of them."""

import struct
import zlib

import numpy as np
from PIL import Image

from lutjax.codec import carriers
from lutjax.codec import payload as payload_lib
from lutjax.color import spaces
from lutjax.systems.gamut_mlp import codecs, decoding, programs
from tests.viewer import showing

# Bounds of the soft clip, the simplest codec that moves colours.
_BOUNDS = (-0.2, 1.4)


def _payload(codes: np.ndarray) -> payload_lib.Payload:
  stored = codecs.pack_soft(*_BOUNDS)
  height, width = codes.shape[:2]
  return payload_lib.Payload(
    codecs.NUMBERS.index(stored.codec),
    width,
    height,
    payload_lib.check_pixels(codes),
    stored.body,
    stored.seed,
  )


def with_payload(codes: np.ndarray) -> bytes:
  """Returns pixels `[H, W, 3]` uint8 as a file with a payload."""
  return carriers.embed(showing.png(codes), payload_lib.pack(_payload(codes)))


def turned(content: bytes) -> bytes:
  """Returns a PNG file that says to be shown turned clockwise by a quarter."""
  exif = Image.Exif()
  exif[0x0112] = 6
  data = exif.tobytes().removeprefix(b'Exif\0\0')
  check = zlib.crc32(b'eXIf' + data)
  chunk = struct.pack('>I4s', len(data), b'eXIf') + data + struct.pack('>I', check)
  # Behind the signature and the header.
  return content[:33] + chunk + content[33:]


def linear_srgb(codes: np.ndarray) -> np.ndarray:
  """Returns the recovered colours, linear, outside [0, 1] where sRGB ends."""
  model = codecs.unpack(_payload(codes))
  decoder = decoding.Decoder(programs.Programs(), model, codes)
  prophoto = np.asarray(decoder.band(0, len(codes)), np.float64)
  return prophoto @ spaces.conversion_matrix('prophoto', 'srgb').T
