// A worker with one stream: for frames that come at other rates than audio, or many at a time.
import { answer, openStream } from "./rnnedge-port.js";

let stream = null;
onmessage = ({ data }) => {
  if (data.open) stream = openStream(data.open, data.options);
  else answer(self, stream, data);
};
