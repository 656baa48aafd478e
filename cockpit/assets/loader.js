// Sent with every update, so it holds nothing but the way to the module, which the browser keeps.
const calls = [];
let draw;
import(new URL("MODULE", location.origin)).then((module) => {
  draw = module.render;
  for (const call of calls.splice(0)) if (call.parentElement.isConnected !== false) draw(call);
});
export default function (component) {
  if (draw) return draw(component);
  calls.push(component);
}
