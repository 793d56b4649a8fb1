//! A live view of the whole log for who runs in the same process.

use std::sync::Arc;

use crate::reading::Reading;
use countersign_log::export::{ExportError, Exporter, GATHER};
use countersign_log::store::StoreError;
use countersign_log::tokens::Scope;

impl Reading {
    /// Tells the lines of a live view that begins with that leaf, some at a time, as `GET /stream` has them for a reader of
    /// all events, until nobody wants more or the server is about to stop.
    ///
    /// # Errors
    /// [`ExportError`]: there is no such leaf, nothing is published yet, or the store fails.
    pub async fn follow<T: FnMut(Vec<u8>) -> bool + Send + 'static>(
        self: &Arc<Self>,
        from: u64,
        mut tell: T,
    ) -> Result<(), ExportError> {
        let scope = Arc::new(Scope::default());
        let mut published = self.log_server().published();
        let mut stopping = self.stopping();
        let planned = scope.clone();
        let begin = move |exporter: &Exporter, canceled: &dyn Fn() -> bool| {
            exporter.begin_live(Some(from), &planned)?.finish(canceled)
        };
        let mut plan = self.look(None, begin).await?;
        loop {
            let at = plan.size();
            let mut lines = plan.lines();
            let told = tokio::task::spawn_blocking(move || {
                while let Some(piece) = lines.next_piece()? {
                    if !tell(piece) {
                        return Ok(None);
                    }
                }
                Ok::<_, StoreError>(Some(tell))
            });
            let told = told.await.map_err(|error| StoreError::unavailable("watching the log", error))??;
            let Some(more) = told else { return Ok(()) };
            tell = more;
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
            plan = self.glance(move |exporter| exporter.plan_further(at, &scope, false)).await?;
        }
    }
}
