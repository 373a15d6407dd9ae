// The bytes of client/report/page/packed_series.h and run_timeline.h.

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function reader(bytes) {
  let at = 0;
  // Numbers below 2^53; those above 2^31 are rare.
  function unsigned() {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte & 0x80);
    return value;
  }
  function signed() {
    const value = unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  return { unsigned, signed };
}

// {name, thinned, times: seconds since the run's begin, rising; values}
export function unpackSeries(packed) {
  const times = new Float64Array(packed.count), values = new Float64Array(packed.count);
  const from = reader(bytesOf(packed.data));
  let time = 0, interval = 0, value = 0;
  for (let i = 0; i < packed.count; ++i) {
    interval += from.signed();
    time += interval;
    value += from.signed();
    times[i] = time * 1e-6;
    values[i] = value * packed.step;
  }
  return { name: packed.name, thinned: packed.thinned, times, values };
}

// {begins, ends: seconds; ops}
export function unpackExecutions(packed) {
  const begins = new Float64Array(packed.count), ends = new Float64Array(packed.count);
  const reached = new Float64Array(packed.count); // by this one and those before: executions may nest
  const ops = new Uint32Array(packed.count);
  const from = reader(bytesOf(packed.data));
  let time = 0;
  for (let i = 0; i < packed.count; ++i) {
    time += from.signed();
    begins[i] = time * 1e-7;
    time += from.unsigned();
    ends[i] = time * 1e-7;
    reached[i] = Math.max(ends[i], i > 0 ? reached[i - 1] : 0);
    ops[i] = from.unsigned();
  }
  return { begins, ends, reached, ops };
}
