//! A live view of the whole log for code in the same process.

use std::sync::Arc;

use crate::reading::Reading;
use countersign_log::export::{ExportError, Exporter, GATHER};
use countersign_log::store::StoreError;
use countersign_log::tokens::Scope;

impl Reading {
    /// Calls `send` with the lines of a live view from entry `from` on, as `GET /stream` sends them to a reader of all
    /// events. Ends when `send` returns false or when the server is about to stop.
    ///
    /// # Errors
    /// [`ExportError`] if there is no such entry, if nothing is published yet, or if the store fails.
    pub async fn follow<T: FnMut(Vec<u8>) -> bool + Send + 'static>(
        self: &Arc<Self>,
        from: u64,
        mut send: T,
    ) -> Result<(), ExportError> {
        let scope = Arc::new(Scope::default());
        let mut published = self.log_server().published();
        let mut stopping = self.stopping();
        let planned = scope.clone();
        let begin = move |exporter: &Exporter, canceled: &dyn Fn() -> bool| {
            exporter.begin_live(Some(from), &planned)?.finish(canceled)
        };
        let mut plan = self.run_search(None, begin).await?;
        loop {
            let at = plan.size();
            let mut lines = plan.lines();
            let sent = tokio::task::spawn_blocking(move || {
                while let Some(piece) = lines.next_piece()? {
                    if !send(piece) {
                        return Ok(None);
                    }
                }
                Ok::<_, StoreError>(Some(send))
            });
            let sent = sent.await.map_err(|error| StoreError::unavailable("watching the log", error))??;
            let Some(next_send) = sent else { return Ok(()) };
            send = next_send;
            tokio::select! {
                grown = published.wait_for(|published| published.as_ref().is_some_and(|it| it.size > at)) => {
                    if grown.is_err() {
                        return Ok(());
                    }
                }
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
            }
            tokio::time::sleep(GATHER).await;
            let scope = scope.clone();
            plan = self.run_lookup(move |exporter| exporter.plan_continuation(at, &scope, false)).await?;
        }
    }
}
