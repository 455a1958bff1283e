/* Equations of the cells for all units of one sequence (ONNX operator specification, RNN, GRU and LSTM, with its
   letters). x is what the frame gives, g what the states before give, gate after gate; of RNN and LSTM, g is the sum. */
INLINE void rnn_units_of_tangent(int units, const float *g, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) y[j] = tangent(g[j]);
}

INLINE void rnn_units_of_rectified(int units, const float *g, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) y[j] = rectified(g[j]);
}

INLINE void gru_units(int units, const float *x, const float *g, const float *h, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) {
    const float z = sigmoid(x[j] + g[j]);
    const float r = sigmoid(x[units + j] + g[units + j]);
    const float n = tangent(x[2 * units + j] + r * g[2 * units + j]);
    y[j] = n + z * (h[j] - n);
  }
}

/* The cell states c become those after the frame. */
INLINE void lstm_units(int units, const float *g, float *restrict c, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) {
    c[j] = c[j] / sigmoid_divisor(g[2 * units + j]) + tangent_over(g[3 * units + j], sigmoid_divisor(g[j]));
    y[j] = tangent_over(c[j], sigmoid_divisor(g[units + j]));
  }
}

/* The same with what goes into an activation bounded by `most`. p are the weights of peepholes, of the gates i, o, f. */
INLINE float bounded(float x, float most) { return x > most ? most : x < -most ? -most : x; }

INLINE void rnn_units_of_tangent_within(int units, const float *g, float most, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) y[j] = tangent(bounded(g[j], most));
}

INLINE void rnn_units_of_rectified_within(int units, const float *g, float most, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) y[j] = rectified(bounded(g[j], most));
}

INLINE void gru_units_within(int units, const float *x, const float *g, const float *h, float most, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) {
    const float z = sigmoid(bounded(x[j] + g[j], most));
    const float r = sigmoid(bounded(x[units + j] + g[units + j], most));
    const float n = tangent(bounded(x[2 * units + j] + r * g[2 * units + j], most));
    y[j] = n + z * (h[j] - n);
  }
}

/* A GRU that resets its states before their product: what the third product is of, then the rest of the equations. */
INLINE void gru_reset_units(int units, const float *x, const float *g, const float *h, float most, float *reset) {
  INDEPENDENT
  for (int j = 0; j < units; j++) reset[j] = sigmoid(bounded(x[units + j] + g[units + j], most)) * h[j];
}

INLINE void gru_units_after_reset(int units, const float *x, const float *g, const float *h, float most, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) {
    const float z = sigmoid(bounded(x[j] + g[j], most));
    const float n = tangent(bounded(x[2 * units + j] + g[2 * units + j], most));
    y[j] = n + z * (h[j] - n);
  }
}

INLINE void lstm_units_within(int units, const float *g, const float *p, float most, float *restrict c, float *y) {
  INDEPENDENT
  for (int j = 0; j < units; j++) {
    const float i = sigmoid_divisor(bounded(g[j] + p[j] * c[j], most));
    const float f = sigmoid_divisor(bounded(g[2 * units + j] + p[2 * units + j] * c[j], most));
    c[j] = c[j] / f + tangent_over(bounded(g[3 * units + j], most), i);
    y[j] = tangent_over(c[j], sigmoid_divisor(bounded(g[units + j] + p[units + j] * c[j], most)));
  }
}
