import { MorphTargetRenderer } from "@voicesrv/avatar";
import { DirectionalLight, HemisphereLight, PerspectiveCamera, Scene, WebGLRenderer } from "three";
import { buildHead } from "./head.js";

const { head, meshes } = buildHead();
const scene = new Scene();
scene.add(head, new HemisphereLight("#ffffff", "#8080a0", 2));
const sun = new DirectionalLight("#ffffff", 2);
sun.position.set(-2, 3, 4);
scene.add(sun);
const camera = new PerspectiveCamera(30, 1, 0.1, 10);
camera.position.z = 5;
const three = new WebGLRenderer({ alpha: true, antialias: true });
three.setPixelRatio(devicePixelRatio);
three.setSize(320, 320); // as wide as the avatar is

const avatar = document.querySelector("voice-avatar");
avatar.renderer = new MorphTargetRenderer({
  meshes,
  canvas: three.domElement,
  drawn: ({ turn, nod, tilt }) => {
    head.rotation.set(0.15 * nod, 0.3 * turn, -0.1 * tilt);
    three.render(scene, camera);
  },
});

document.querySelector("button").addEventListener("click", () => {
  avatar.say("Nice to meet you.").catch(() => undefined); // the avatar shows what went wrong
});
