// Choosing among networks by cost, held against mobilenet_lib.results by a test.

/** Places of the networks that no other beats, cheapest first. */
export function pareto(costs, accuracies) {
  const byCost = costs.map((_, i) => i);
  byCost.sort((a, b) => costs[a] - costs[b] || accuracies[b] - accuracies[a]);
  const front = [];
  for (const i of byCost) {
    if (!front.length || accuracies[i] > accuracies[front.at(-1)]) front.push(i);
  }
  return front;
}

/** Place of the most accurate network that costs at most `budget`; null if none does. */
export function bestWithin(budget, costs, accuracies) {
  return pareto(costs, accuracies).filter((i) => costs[i] <= budget).at(-1) ?? null;
}
