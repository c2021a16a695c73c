// A head with morph targets, made of balls. One from a file has them, too: `gltf.scene.getObjectByName("Wolf3D_Head")`.

import { Float32BufferAttribute, Group, Mesh, MeshStandardMaterial, SphereGeometry } from "three";

/** How wide and how high the mouth is in each shape, of what it is when it is round. */
const MOUTH = {
  ...{ sil: [1, 0.06], PP: [0.8, 0.03], FF: [0.9, 0.16], TH: [1, 0.3], DD: [1, 0.26] },
  ...{ kk: [1, 0.32], CH: [0.6, 0.34], SS: [1.1, 0.16], nn: [1, 0.24], RR: [0.66, 0.3] },
  ...{ aa: [1.1, 1], E: [1.15, 0.6], I: [1.25, 0.32], O: [0.75, 0.85], U: [0.4, 0.4] },
};

function ball(radius, colour) {
  return new Mesh(new SphereGeometry(radius, 32, 24), new MeshStandardMaterial({ color: colour, roughness: 0.6 }));
}

/** A flat ball that each target makes so much wider and higher. */
function button(radius, colour, targets) {
  const mesh = ball(radius, colour);
  const { geometry } = mesh;
  const { position } = geometry.attributes;
  geometry.morphAttributes.position = Object.entries(targets).map(([name, [wide, high]]) => {
    const moved = Float32Array.from(position.array, (value, n) => value * [wide - 1, high - 1, 0][n % 3]);
    return Object.assign(new Float32BufferAttribute(moved, 3), { name });
  });
  geometry.morphTargetsRelative = true;
  mesh.updateMorphTargets(); // finds their names
  mesh.scale.z = 0.35;
  return mesh;
}

/** A group to turn and nod, and the meshes in it whose targets are to be driven. */
export function buildHead() {
  const mouth = button(0.3, "#3a1233", prefixed(MOUTH));
  mouth.position.set(0, -0.38, 0.93);
  const eyes = ["Left", "Right"].map((side, n) => {
    const eye = button(0.15, "#23265c", { [`eyeBlink${side}`]: [1, 0.08] });
    eye.position.set(n === 0 ? 0.36 : -0.36, 0.18, 0.95); // left is its own
    return eye;
  });
  const head = new Group();
  head.add(ball(1, "#9fabfa"), mouth, ...eyes);
  return { head, meshes: [mouth, ...eyes] };
}

function prefixed(shapes) {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`viseme_${name}`, shape]));
}
