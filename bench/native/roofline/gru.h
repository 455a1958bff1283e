/* r = sigmoid(r), z = sigmoid(z), n = tanh(x + r h'), n + z (h - n): with two divisions. */
INLINE vector gru(vector r, vector z, vector of_input, vector of_state, vector h) {
  const vector en = exponential(-2.0f * (of_input + of_state / (exponential(-r) + 1.0f)));
  const vector ez = exponential(-z), one = en + 1.0f;
  return ((1.0f - en) * ez + h * one) / (one * (ez + 1.0f));
}
