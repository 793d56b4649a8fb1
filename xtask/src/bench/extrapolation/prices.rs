//! Public prices of clouds, in US dollars, with their sources.

/// The cores of the machine that reduces, like those of the machine that measured.
pub(super) const REDUCE_CORES: u32 = 2;

/// A cloud, and what it charges in one region.
#[derive(Clone, Copy)]
pub(super) struct Cloud {
    pub(super) name: &'static str,
    pub(super) prices: Prices,
}

#[derive(Clone, Copy)]
pub(super) struct Prices {
    pub(super) core_hour: Price,
    /// Per thousand requests.
    pub(super) reads: Price,
    /// Per thousand requests.
    pub(super) writes: Price,
    /// Per GB between an object store and machines of its region.
    pub(super) in_region: Price,
    /// Per GB between machines in different zones of a region.
    pub(super) between_zones: Price,
}

#[derive(Clone, Copy)]
pub(super) struct Price {
    pub(super) usd: f64,
    /// For example, "an hour of a virtual core".
    what: &'static str,
    /// The date of the source, or of reading it if it has none.
    date: &'static str,
    source: &'static str,
}

pub(super) const CLOUDS: [Cloud; 2] = [
    Cloud {
        name: "AWS",
        prices: Prices {
            core_hour: Price {
                usd: 0.0816 / 2.0,
                what: "an hour of a virtual core: half of m7g.large, on demand, us-east-1",
                date: "2026-06-17",
                source: "https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/",
            },
            reads: Price {
                usd: 0.0004,
                what: "1,000 reads of S3 Standard",
                date: UNDATED,
                source: S3_REQUESTS,
            },
            writes: Price {
                usd: 0.005,
                what: "1,000 writes to S3 Standard",
                date: UNDATED,
                source: S3_REQUESTS,
            },
            in_region: Price {
                usd: 0.0,
                what: "1 GB between S3 and machines of the region",
                date: "2026-06-02",
                source: AWS_TRANSFER,
            },
            between_zones: Price {
                usd: 0.02,
                what: "1 GB between zones: $0.01 in each direction",
                date: "2026-06-02",
                source: AWS_TRANSFER,
            },
        },
    },
    Cloud {
        name: "Google Cloud",
        prices: Prices {
            core_hour: Price {
                usd: 0.171 / 4.0,
                what: "an hour of a virtual core: a quarter of N4A with 4 cores and 16 GB, on demand",
                date: "2026-03",
                source: "https://bytepulse.io/aws-vs-gcp-vs-2026",
            },
            reads: Price {
                usd: 0.0004,
                what: "1,000 operations of class B (reads)",
                date: UNDATED,
                source: GOOGLE_STORAGE,
            },
            writes: Price {
                usd: 0.005,
                what: "1,000 operations of class A (writes)",
                date: UNDATED,
                source: GOOGLE_STORAGE,
            },
            in_region: Price {
                usd: 0.0,
                what: "1 GB between Cloud Storage and machines of the region",
                date: UNDATED,
                source: GOOGLE_TRANSFER,
            },
            between_zones: Price {
                usd: 0.02,
                what: "1 GB between zones: about $0.01 in each direction",
                date: UNDATED,
                source: GOOGLE_TRANSFER,
            },
        },
    },
];

/// For sources that state no date.
const UNDATED: &str = "undated, read on 2026-11-29";
const S3_REQUESTS: &str = "https://c3x.dev/blog/s3-request-fees-explained";
const AWS_TRANSFER: &str = "https://www.usage.ai/blogs/aws/networking-cost/data-transfer-costs/";
const GOOGLE_STORAGE: &str = "https://cloud.google.com/storage/pricing-examples";
const GOOGLE_TRANSFER: &str = "https://cloudwebschool.com/docs/gcp/cost-management/network-egress-costs/";

/// Formats all prices as a table.
pub(super) fn table() -> String {
    let lines = CLOUDS.iter().flat_map(|Cloud { name, prices }| {
        let Prices { core_hour, reads, writes, in_region, between_zones } = prices;
        [core_hour, reads, writes, in_region, between_zones].map(|price| price.line(name))
    });
    "| cloud | price of | $ | date | source |\n| --- | --- | ---: | --- | --- |".to_owned()
        + &lines.collect::<String>()
}

impl Price {
    fn line(&self, cloud: &str) -> String {
        let Price { usd, what, date, source } = self;
        let host = source.trim_start_matches("https://").split('/').next().unwrap_or(source);
        let host = host.trim_start_matches("www.");
        format!("\n| {cloud} | {what} | {usd} | {date} | [{host}]({source}) |")
    }
}
