#version 300 es

// A photo through a lattice, and three ways to see what that does.
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler3D;

const int BEFORE = 0, DIFFERENCE = 2, CLIPPING = 3;
const float PI = 3.141592653589793;

uniform sampler2D photo;
uniform sampler3D lattice;  // Blue runs along x, green along y, red along z.
uniform int size;  // Nodes per axis.
uniform bool trilinear;
uniform float strength;
uniform int mode;
uniform vec2 origin;  // Of the canvas, in pixels of the picture.
uniform float zoom;  // Pixels of the canvas per pixel of the picture.
uniform vec2 picture;
uniform vec2 held;  // Pixels of the texture, fewer than the picture's if it is large.
uniform float height;  // Of the canvas.
uniform float split;  // Pixels of the canvas that show the picture as it was.
uniform vec3 surround;
uniform vec3 scale[17];
uniform float limit;
uniform vec3 above, below, white, black;
uniform float slack;

out vec4 colour;

vec3 node(ivec3 rgb) {
  return texelFetch(lattice, rgb.bgr, 0).rgb;
}

// In the tetrahedron that holds the colour; six share the grey diagonal of a cell.
vec3 tetrahedral(ivec3 low, vec3 f) {
  vec3 order = vec3(
      step(f.g, f.r) + step(f.b, f.r), (1.0 - step(f.g, f.r)) + step(f.b, f.g),
      (1.0 - step(f.b, f.r)) + (1.0 - step(f.b, f.g)));
  float first = max(max(f.r, f.g), f.b), third = min(min(f.r, f.g), f.b);
  float second = max(min(max(f.r, f.g), f.b), min(f.r, f.g));
  ivec3 near = ivec3(step(1.5, order)), far = ivec3(step(0.5, order));
  return (1.0 - first) * node(low) + (first - second) * node(low + near) +
      (second - third) * node(low + far) + third * node(low + 1);
}

vec3 between(ivec3 low, vec3 f) {
  vec3 total = vec3(0.0);
  for (int corner = 0; corner < 8; corner++) {
    ivec3 up = ivec3(corner, corner >> 1, corner >> 2) & 1;
    vec3 share = mix(1.0 - f, f, vec3(up));
    total += share.r * share.g * share.b * node(low + up);
  }
  return total;
}

vec3 look(vec3 rgb) {
  vec3 at = clamp(rgb, 0.0, 1.0) * float(size - 1);
  ivec3 low = min(ivec3(at), size - 2);
  vec3 f = at - vec3(low);
  return mix(rgb, trilinear ? between(low, f) : tetrahedral(low, f), strength);
}

vec3 lab(vec3 rgb) {
  vec3 linear = mix(
      rgb / 12.92, pow((max(rgb, 0.0) + 0.055) / 1.055, vec3(2.4)),
      step(0.04045, rgb));
  vec3 share = linear * mat3(
      0.4124564, 0.3575761, 0.1804375, 0.2126729, 0.7151522, 0.0721750,
      0.0193339, 0.1191920, 0.9503041) / vec3(0.95047, 1.0, 1.08883);
  vec3 root = mix(
      share / 0.1284185 + 0.1379310, pow(max(share, 1e-9), vec3(1.0 / 3.0)),
      step(0.008856452, share));
  return vec3(
      116.0 * root.y - 16.0, 500.0 * (root.x - root.y), 200.0 * (root.y - root.z));
}

float chroma_share(float chroma) {
  float seventh = pow(chroma / 25.0, 7.0);
  return sqrt(seventh / (seventh + 1.0));
}

float hue_of(vec2 ab) {
  float degrees = ab == vec2(0.0) ? 0.0 : atan(ab.y, ab.x) * 180.0 / PI;
  return degrees < 0.0 ? degrees + 360.0 : degrees;
}

// CIEDE2000 of two Lab colours.
float difference(vec3 one, vec3 two) {
  float stretch =
      1.5 - 0.5 * chroma_share((length(one.yz) + length(two.yz)) / 2.0);
  one.y *= stretch;
  two.y *= stretch;
  float c1 = length(one.yz), c2 = length(two.yz), chroma = (c1 + c2) / 2.0;
  float h1 = hue_of(one.yz), h2 = hue_of(two.yz), sum = h1 + h2;
  float turn = h2 - h1;
  turn += turn > 180.0 ? -360.0 : turn < -180.0 ? 360.0 : 0.0;
  float hue = abs(h1 - h2) <= 180.0 ? sum : sum < 360.0 ? sum + 360.0 : sum - 360.0;
  hue /= 2.0;
  if (c1 * c2 < 1e-9) {
    turn = 0.0;
    hue = sum;
  }
  float angle = hue * PI / 180.0;
  float weight = 1.0 - 0.17 * cos(angle - PI / 6.0) + 0.24 * cos(2.0 * angle) +
      0.32 * cos(3.0 * angle + PI / 30.0) - 0.20 * cos(4.0 * angle - 0.35 * PI);
  float middle = (one.x + two.x) / 2.0 - 50.0;
  middle *= middle;
  float dl = (two.x - one.x) / (1.0 + 0.015 * middle / sqrt(20.0 + middle));
  float dc = (c2 - c1) / (1.0 + 0.045 * chroma);
  float dh = 2.0 * sqrt(c1 * c2) * sin(turn * PI / 360.0) /
      (1.0 + 0.015 * chroma * weight);
  float bump = (hue - 275.0) / 25.0;
  float rotation = -2.0 * chroma_share(chroma) * sin(PI / 3.0 * exp(-bump * bump));
  return sqrt(max(dl * dl + dc * dc + dh * dh + rotation * dc * dh, 0.0));
}

vec3 on_scale(float value) {
  float at = sqrt(clamp(value / limit, 0.0, 1.0)) * 16.0;
  int low = min(int(at), 15);
  return mix(scale[low], scale[low + 1], at - float(low));
}

vec3 marked(vec3 before, vec3 after) {
  float high = max(max(after.r, after.g), after.b);
  float low = min(min(after.r, after.g), after.b);
  if (high > 1.0 + slack) return above;
  if (low < -slack) return below;
  if (high >= 1.0 - slack && max(max(before.r, before.g), before.b) < 1.0) return white;
  if (low <= slack && min(min(before.r, before.g), before.b) > 0.0) return black;
  return vec3(0.5 * dot(after, vec3(0.2126, 0.7152, 0.0722)));
}

void main() {
  vec2 at = vec2(gl_FragCoord.x, height - gl_FragCoord.y);
  vec2 place = origin + at / zoom;
  colour = vec4(surround, 1.0);
  if (any(lessThan(place, vec2(0.0))) || any(greaterThanEqual(place, picture))) return;
  vec4 pixel;
  if (zoom >= 1.0 && held == picture) {
    pixel = texelFetch(photo, ivec2(place), 0);
  } else {
    // Seen from afar pixels are averaged, a little less than mipmaps would.
    float span = 0.75 / zoom;
    pixel = textureGrad(
        photo, place / picture, vec2(span / picture.x, 0.0),
        vec2(0.0, span / picture.y));
  }
  vec3 shown = pixel.rgb;
  if (mode != BEFORE && at.x >= split) {
    vec3 after = look(pixel.rgb);
    shown = after;
    if (mode == DIFFERENCE) {
      shown = on_scale(difference(lab(pixel.rgb), lab(clamp(after, 0.0, 1.0))));
    }
    if (mode == CLIPPING) shown = marked(pixel.rgb, after);
  }
  colour.rgb = mix(surround, clamp(shown, 0.0, 1.0), pixel.a);
}
