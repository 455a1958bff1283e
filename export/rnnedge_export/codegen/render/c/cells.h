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
    const float i = sigmoid(g[j]);
    const float o = sigmoid(g[units + j]);
    const float f = sigmoid(g[2 * units + j]);
    c[j] = f * c[j] + i * tangent(g[3 * units + j]);
    y[j] = o * tangent(c[j]);
  }
}
