/* c = sigmoid(f) c + sigmoid(i) tanh(g), sigmoid(o) tanh(c): with one division each. */
INLINE vector lstm(vector i, vector f, vector g, vector o, vector *cell) {
  const vector ei = exponential(-i) + 1.0f, ef = exponential(-f) + 1.0f, eg = exponential(-2.0f * g);
  const vector both = ei * (eg + 1.0f), c = (*cell * both + (1.0f - eg) * ef) / (both * ef);
  *cell = c;
  const vector eo = exponential(-o) + 1.0f, ec = exponential(-2.0f * c);
  return (1.0f - ec) / (eo * (ec + 1.0f));
}
