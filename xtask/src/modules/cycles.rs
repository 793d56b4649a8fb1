//! Strongly connected components, by Tarjan's algorithm.

/// Returns the groups of two or more nodes that reach each other. `edges[n]` lists the nodes that `n` leads
/// to.
pub(super) fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        edges,
        order: vec![None; edges.len()],
        low: vec![0; edges.len()],
        on_stack: vec![false; edges.len()],
        stack: Vec::new(),
        visited: 0,
        found: Vec::new(),
    };
    for node in 0..edges.len() {
        if search.order[node].is_none() {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    edges: &'a [Vec<usize>],
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    visited: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Recurses as deep as the longest chain of imports, which is a few hundred modules at most.
    fn visit(&mut self, node: usize) {
        let own = self.visited;
        self.visited += 1;
        self.order[node] = Some(own);
        self.low[node] = own;
        self.stack.push(node);
        self.on_stack[node] = true;
        for &next in &self.edges[node] {
            match self.order[next] {
                None => {
                    self.visit(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(order) if self.on_stack[next] => self.low[node] = self.low[node].min(order),
                Some(_) => {}
            }
        }
        if self.low[node] == own {
            let start = self.stack.iter().rposition(|&other| other == node).unwrap_or_default();
            let mut group = self.stack.split_off(start);
            for &member in &group {
                self.on_stack[member] = false;
            }
            if group.len() > 1 {
                group.sort_unstable();
                self.found.push(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::cycles;

    #[test]
    fn finds_groups_of_nodes_that_reach_each_other() {
        // 0 → 1 → 2 → 1, 2 → 3 → 4 → 3, and 5 with only an edge to itself.
        let edges = [vec![1], vec![2], vec![1, 3], vec![4], vec![3], vec![5]];
        assert_eq!(cycles(&edges), [vec![3, 4], vec![1, 2]]);
        assert!(cycles(&[vec![1], vec![2], vec![]]).is_empty());
    }
}
