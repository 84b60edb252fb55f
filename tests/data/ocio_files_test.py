import os
import pathlib
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from lutjax import errors
from lutjax.data import ocio_files
from lutjax.lut import chain, interpolate, lattice

try:
  import PyOpenColorIO as ocio
except ImportError:
  ocio = None

_DATA = pathlib.Path(os.environ.get('LUTJAX_DATA', '../shared/data')) / 'luts/cube'
_RGB = np.random.default_rng(0).uniform(-0.2, 1.3, (2048, 3)).astype('f4')
_MATRIX = [0.8, 0.1, 0.1, 0, 0.05, 0.9, 0.05, 0, 0, 0.2, 0.7, 0, 0, 0, 0, 1]
_STUDIO = 'ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4'
_SPI3D = 'SPILUT 1.0\n3 3\n2 2 2\n' + ''.join(
  f'{i >> 2} {i >> 1 & 1} {i & 1} {i / 7} {i / 8} {i / 9}\n' for i in range(8)
)
_SPI1D = 'Version 1\nFrom -0.2 1.5\nLength 4\nComponents 1\n{\n0\n.3\n.6\n1\n}\n'
_CSP = 'CSPLUTV100\n3D\n\n' + '2\n0 1\n0 1\n' * 3 + '\n2 2 2\n' + '0 .5 1\n' * 8
_3DL = '0 256 512 1023\n' + ''.join(f'{i} {i * 2} {i * 100}\n' for i in range(27))
_CLF = '<?xml version="1.0"?><ProcessList id="a" compCLFversion="3">{}</ProcessList>'
_RANGE = (
  '<Range inBitDepth="32f" outBitDepth="32f"><minInValue>0.1</minInValue>'
  '<maxInValue>0.9</maxInValue><minOutValue>0</minOutValue>'
  '<maxOutValue>1</maxOutValue></Range>'
)


def _baked(name, power, shaper):
  """Returns what OpenColorIO's own baker makes."""
  config = ocio.Config.CreateRaw()
  spaces = {
    'in': ocio.MatrixTransform(),
    'out': ocio.GroupTransform(
      [ocio.MatrixTransform(_MATRIX), ocio.ExponentTransform([power] * 3 + [1.0])]
      if name != 'spi1d'
      else [ocio.ExponentTransform([power] * 3 + [1.0])]
    ),
    'curve': ocio.ExponentTransform([0.5] * 3 + [1.0]),
  }
  for key, transform in spaces.items():
    space = ocio.ColorSpace(name=key)
    space.setTransform(transform, ocio.COLORSPACE_DIR_FROM_REFERENCE)
    config.addColorSpace(space)
  baker = ocio.Baker()
  baker.setConfig(config)
  baker.setFormat(name)
  baker.setInputSpace('in')
  baker.setTargetSpace('out')
  baker.setCubeSize(4)
  if shaper:
    baker.setShaperSpace('curve')
    baker.setShaperSize(12)
  return baker.bake().encode()


_CORRECTION = (
  '<ColorCorrection id="{}"><SOPNode><Slope>{} 1 0.9</Slope><Offset>0.01 0 -0.02'
  '</Offset><Power>1.2 1 0.8</Power></SOPNode><SatNode><Saturation>0.7</Saturation>'
  '</SatNode></ColorCorrection>'
)


class _OracleTest(parameterized.TestCase):
  def compare(self, processor, steps, tolerance):
    want = _RGB.copy()
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(want)
    scale = np.maximum(1.0, np.abs(want).max(axis=-1, keepdims=True))
    found = [np.asarray(chain.apply(steps, _RGB, method='trilinear'))]
    lut = chain.as_lut(steps)
    if lut is not None:
      found.append(np.asarray(interpolate.sample(lut, _RGB, method='trilinear')))
    for got in found:
      np.testing.assert_allclose(got / scale, want / scale, atol=tolerance)
    return steps, lut


@unittest.skipIf(ocio is None, 'needs opencolorio')
class DecodeTest(_OracleTest):
  def check(self, content, name, tolerance=1e-6):
    path = self.create_tempfile(name, content).full_path
    ocio.ClearAllCaches()
    processor = ocio.Config.CreateRaw().getProcessor(ocio.FileTransform(path))
    return self.compare(processor, ocio_files.decode(content, path), tolerance)

  @parameterized.parameters(
    ('flame', '3dl'),
    ('lustre', '3dl'),
    ('Academy/ASC Common LUT Format', 'clf'),
    ('Color Transform Format', 'ctf'),
    ('cinespace', 'csp'),
    ('houdini', 'lut'),
    ('iridas_itx', 'itx'),
    ('spi1d', 'spi1d'),
    ('spi3d', 'spi3d'),
    ('truelight', 'cub'),
  )
  def test_what_is_baked_is_one_lut_and_the_same(self, name, extension):
    curves = extension in ('clf', 'ctf', 'csp', 'lut')
    for power, shaper in ((1.4, False), (0.8, curves)):
      content = _baked(name, power, shaper)
      _, lut = self.check(content, f'{power}.{extension}', 1e-6)
      self.assertIsNotNone(lut)

  def test_real_files(self):
    paths = [path for path in sorted(_DATA.glob('*')) if path.suffix != '.cube']
    if not paths:
      self.skipTest(f'no files in {_DATA}')
    for path in paths:
      with self.subTest(path.name):
        self.check(path.read_bytes(), path.name, 1e-6)

  def test_typed_steps_of_clf_and_ctf(self):
    transforms = [
      ocio.LogCameraTransform(
        [0.01] * 3,
        base=10.0,
        logSideSlope=[0.25] * 3,
        linSideSlope=[5.0] * 3,
        linSideOffset=[0.05] * 3,
        logSideOffset=[0.4] * 3,
      ),
      ocio.LogAffineTransform(linSideOffset=[1.0] * 3),
      ocio.LogTransform(base=10.0, direction=ocio.TRANSFORM_DIR_INVERSE),
      ocio.ExponentTransform([2.2, 2.0, 1.8, 1.0], ocio.NEGATIVE_MIRROR),
      ocio.ExponentTransform([0.5] * 3 + [1.0], ocio.NEGATIVE_PASS_THRU),
      ocio.ExponentWithLinearTransform([2.4] * 3 + [1], [0.055] * 3 + [0]),
      ocio.ExponentWithLinearTransform(
        [2.4] * 3 + [1],
        [0.055] * 3 + [0],
        ocio.NEGATIVE_MIRROR,
        ocio.TRANSFORM_DIR_INVERSE,
      ),
      ocio.CDLTransform([1.1, 0.9, 1], [0.02, 0, -0.03], [1.2, 0.8, 1], 0.7),
      ocio.MatrixTransform(_MATRIX, [0.1, 0, -0.1, 0], ocio.TRANSFORM_DIR_INVERSE),
      ocio.RangeTransform(0.1, 0.9, -0.2, 1.1),
    ]
    for style in (ocio.CDL_ASC, ocio.CDL_NO_CLAMP):
      cdl = ocio.CDLTransform([1.1, 0.9, 1], [0.02, 0, 0], [1.2, 0.8, 1], 0.7)
      cdl.setStyle(style)
      cdl.setDirection(ocio.TRANSFORM_DIR_INVERSE)
      transforms.append(cdl)
    raw = ocio.Config.CreateRaw()
    path = self.create_tempdir().full_path + '/steps.ctf'
    for transform in transforms:
      group = ocio.GroupTransform([transform])
      group.write('Color Transform Format', path, raw)
      with open(path, 'rb') as file:
        steps = ocio_files.decode(file.read(), path)
      with self.subTest(str(transform)):
        self.compare(raw.getProcessor(transform), steps, 1e-6)

  def test_a_file_of_one_colour_correction(self):
    one = _CORRECTION.format('shot 1', 1.1)
    decision = f'<ColorDecision>{one}</ColorDecision>'
    for name, root, held in (
      ('a.cc', '', one),
      ('a.cdl', 'ColorDecisionList', decision),
      ('a.ccc', 'ColorCorrectionCollection', one),
    ):
      text = f'<{root} xmlns="urn:ASC:CDL:v1.01">{held}</{root}>' if root else held
      with self.subTest(name):
        self.check(text.encode(), name)
    several = text.replace(one, one + _CORRECTION.format('shot 2', 0.9))
    message = (
      r'a.ccc: found 2 colour corrections \(shot 1, shot 2\), expected one: save'
    )
    with self.assertRaisesRegex(errors.LutError, message):
      ocio_files.decode(several.encode(), name)

  def test_a_range_is_no_domain_where_it_cuts(self):
    content = _CLF.format(_RANGE).encode()
    steps, lut = self.check(content, 'r.clf')
    self.assertIsNone(lut)
    self.assertEqual(chain.describe(steps), 'range')

  @parameterized.parameters(
    ('a.spi3d', _SPI3D.replace('1 1 1 ', '1 1 2 '), 'outside of the cube'),
    ('a.spi3d', _SPI3D.replace('1 1 1 ', '1 1 0 '), 'specified multiple times'),
    ('a.spi3d', _SPI3D.rpartition('1 1 1')[0], 'Not enough entries'),
    ('a.spi3d', _SPI3D.replace('0.125', 'nan'), 'NaN or infinite'),
    ('a.spi3d', _SPI3D.replace('0.125', '0,125'), 'line 5: found the decimal comma'),
    ('a.spi1d', _SPI1D.replace('Length 4', 'Length 5'), 'Not enough entries'),
    ('a.spi1d', _SPI1D.replace('Length 4', 'Length 3'), 'Too many entries'),
    ('a.spi1d', _SPI1D.replace('.6', 'inf'), 'NaN or infinite'),
    ('a.csp', _CSP.replace('2\n0 1\n0 1\n' * 3, ''), 'Prelut'),
    (
      'a.csp',
      _CSP.replace('3D\n', '3D\nBEGIN METADATA\na\rEND METADATA\n'),
      'line 3: found no end of the metadata',
    ),
    ('a.3dl', _3DL.replace('512', '128'), 'line 1: found input codes that fall'),
    ('a.3dl', _3DL[:-9], 'found what OpenColorIO cannot read, expected a .3dl LUT'),
    ('a.clf', '<!DOCTYPE a [<!ENTITY b "c">]>' + _CLF, 'found <!DOCTYPE, expected XML'),
    ('a.clf', _CLF.format('<LUT4D/>'), 'No color operator'),
    ('a.clf', _CLF.format(_RANGE)[:-40], 'cannot read'),
    ('a.clf', '', 'found an empty file'),
    ('a.itx', '\0\1', 'found binary data'),
    ('a.icc', '\0\1', 'cannot read, expected a .icc LUT'),
  )
  def test_refuses_in_one_line(self, name, text, message):
    with self.assertRaisesRegex(errors.LutError, f'^{name}: .*{message}') as caught:
      ocio_files.decode(text.encode(), name)
    self.assertNotIn('\n', str(caught.exception))

  def test_names_a_step_without_counterpart(self):
    cube = ocio.Lut3DTransform(gridSize=2)
    cube.setDirection(ocio.TRANSFORM_DIR_INVERSE)
    tone = ocio.FixedFunctionTransform(ocio.FIXED_FUNCTION_ACES_GLOW_10)
    raw = ocio.Config.CreateRaw()
    path = self.create_tempdir().full_path + '/a.ctf'
    for transform, message in (
      (cube, 'the inverse of a Lut3DTransform'),
      (tone, 'FixedFunctionTransform .FIXED_FUNCTION_ACES_GLOW_10.'),
    ):
      ocio.GroupTransform([transform]).write('Color Transform Format', path, raw)
      with open(path, 'rb') as file, self.assertRaisesRegex(errors.LutError, message):
        ocio_files.decode(file.read(), path)

  def test_mutated_files_are_read_or_refused(self):
    rng = np.random.default_rng(0)
    whole = {
      'a.spi3d': _SPI3D,
      'a.spi1d': _SPI1D,
      'a.csp': _CSP,
      'a.3dl': _3DL,
      'a.clf': _CLF.format(_RANGE),
    }
    for name, text in whole.items():
      for _ in range(40):
        content = bytearray(text.encode())
        for _ in range(rng.integers(1, 4)):
          content[rng.integers(len(content))] = rng.integers(1, 256)
        content = content[: rng.integers(1, 2 * len(content))]
        try:
          steps = ocio_files.decode(bytes(content), name)
        except errors.LutError as error:
          self.assertNotIn('\n', str(error))
        else:
          for step in steps:
            if isinstance(step, lattice.Lut):
              self.assertTrue(np.isfinite(step.table).all())


@unittest.skipIf(ocio is None, 'needs opencolorio')
class BetweenTest(_OracleTest):
  @parameterized.parameters(
    ('ACEScct', 'ACES2065-1'),
    ('ACES2065-1', 'ACEScct'),
    ('ACEScg', 'sRGB - Display'),
    ('ACEScc', 'ACEScg'),
    ('ACES2065-1', 'ADX10'),
    ('Apple Log', 'ACEScg'),
    ('ACEScg', 'CanonLog3 CinemaGamut D55'),
  )
  def test_spaces_of_the_studio_config(self, source, target):
    steps = ocio_files.between(_STUDIO, source, target)
    processor = ocio.Config.CreateFromFile(_STUDIO).getProcessor(source, target)
    self.compare(processor, steps, 1e-6)

  @parameterized.parameters(
    (_STUDIO, 'ACEScgg', 'ACEScg', '--from=ACEScgg: .*did you mean ACEScg'),
    ('ocio://nothing', 'a', 'b', 'found no config.*ocio://cg-config'),
    ('none.ocio', 'a', 'b', '--lut=none.ocio: found no config'),
  )
  def test_refuses(self, config, source, target, message):
    with self.assertRaisesRegex(errors.InputError, message) as caught:
      ocio_files.between(config, source, target)
    self.assertNotIn('\n', str(caught.exception))


if __name__ == '__main__':
  absltest.main()
