//! The metrics of each tenant, for operators who chose to have them: they reveal how active each tenant is.

use std::fmt;

use countersign::hex;
use countersign_log::store::StoreError;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::tenants::TenantLogs;

/// The number of tenants that are read at a time.
const PAGE: u64 = 1024;
/// The line that ends the `OpenMetrics` text format.
const END: &str = "# EOF\n";

/// The metrics of one tenant.
#[derive(Debug)]
struct TenantMetrics {
    labels: [(&'static str, String); 2],
    entries: u64,
    is_stopped: bool,
    /// `None` if the log's quota was never exceeded.
    refusals: Option<u64>,
}

#[derive(Debug)]
struct AllTenants(Vec<TenantMetrics>);

impl Collector for AllTenants {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Entries of a tenant's log in the newest tick.";
        let mut entries =
            encoder.encode_descriptor("countersign_tenant_entries", help, None, MetricType::Gauge)?;
        for tenant in &self.0 {
            entries.encode_family(&tenant.labels)?.encode_gauge(&tenant.entries)?;
        }
        let help = "1 if a tenant's log is stopped.";
        let mut stopped =
            encoder.encode_descriptor("countersign_tenant_stopped", help, None, MetricType::Gauge)?;
        for tenant in &self.0 {
            stopped.encode_family(&tenant.labels)?.encode_gauge(&u32::from(tenant.is_stopped))?;
        }
        let (name, help) = (
            "countersign_tenant_quota_refusals",
            "Submissions that exceeded the quota of a tenant's log since the server was started.",
        );
        let mut refusals = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for tenant in &self.0 {
            if let Some(count) = &tenant.refusals {
                refusals.encode_family(&tenant.labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
        Ok(())
    }
}

/// Adds the metrics of each tenant to those of the server. It may take a while.
pub(super) fn add(mut text: String, tenants: &TenantLogs) -> Result<String, StoreError> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(AllTenants(read(tenants)?)));
    text.truncate(text.strip_suffix(END).unwrap_or(&text).len());
    // Writing to a string can't fail.
    let _ = text::encode(&mut text, &registry);
    Ok(text)
}

fn read(tenants: &TenantLogs) -> Result<Vec<TenantMetrics>, StoreError> {
    let (refused, readers) = (tenants.quotas().refused(), tenants.readers());
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = readers.tenants(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.number.get();
        for tenant in page {
            // A log without a head isn't published yet.
            let Some(head) = tenants.head(&tenant.id) else { continue };
            all.push(TenantMetrics {
                labels: [("tenant", tenant.name), ("id", hex::encode(&tenant.id))],
                entries: head.size,
                is_stopped: tenants.stops().get(tenant.number).is_some_and(|stop| !stop.is_accepted),
                refusals: refused.get(&tenant.number).copied(),
            });
        }
    }
}
