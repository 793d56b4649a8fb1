//! How probable it is that a year's losses exceed an amount, as an SVG picture.
//!
//! Lines differ in dashes and names, not in color alone; colors follow the reader's scheme, and print is black on white.

use core::fmt::Write as _;

use quick_xml::escape::escape;

use crate::figures::{Exceedance, Figures};
use crate::markdown::{money, percent};
use crate::report::Report;

/// A line of the chart.
struct Line<'a> {
    name: String,
    figures: &'a Figures,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const HEIGHT: f64 = 300.0;
/// How many lines are drawn; the table has all.
const LINES: usize = 6;
const DASHES: [&str; LINES] = ["none", "8 4", "2 3", "10 3 2 3", "14 6", "4 2"];

const STYLE: &str = "\
svg{font:13px system-ui,sans-serif;background:#fff;color:#1b1b1f}text{fill:currentColor}.grid{stroke:#d5d5dc}\
.axis{stroke:currentColor}.line{fill:none;stroke-width:2.5}\
.l0{stroke:#1d4ed8}.l1{stroke:#b45309}.l2{stroke:#047857}.l3{stroke:#9d174d}.l4{stroke:#4b5563}.l5{stroke:#6d28d9}\
@media (prefers-color-scheme:dark){svg{background:#17171b;color:#ececf1}.grid{stroke:#3b3b44}\
.l0{stroke:#93b4ff}.l1{stroke:#fbbf24}.l2{stroke:#6ee7b7}.l3{stroke:#f9a8d4}.l4{stroke:#cbd5e1}.l5{stroke:#c4b5fd}}\
@media print{svg{background:#fff;color:#000}.grid{stroke:#bbb}.line{stroke:#000}}";

/// The chart of a report: all scenarios together, with what each control leaves, or each scenario where there is no
/// control.
pub fn svg(report: &Report) -> String {
    let (all, _) = report.all();
    let first = match &report.scenarios[..] {
        [only] => only.scenario.title.clone(),
        several => format!("{} scenarios together", several.len()),
    };
    let mut lines = vec![Line { name: first, figures: all }];
    if report.controls.is_empty() {
        let each = report.scenarios.iter().filter(|_| report.together.is_some());
        lines.extend(each.map(|told| Line { name: told.scenario.title.clone(), figures: &told.figures }));
    }
    lines.extend(report.controls.iter().rev().map(|bought| {
        let name = format!("with {}", bought.id.as_deref().unwrap_or("all controls"));
        Line { name, figures: &bought.figures }
    }));
    lines.truncate(LINES);
    draw(report, &lines)
}

/// What the chart shows, in words.
pub fn described(report: &Report) -> String {
    let (all, _) = report.all();
    format!(
        "In half of {} simulated years at most {} {} are lost, in 90 of 100 at most {}, in 95 at most {}; {} of the years lose nothing.",
        money(f64::from(report.years)),
        report.currency,
        money(all.quantile(0.5).unwrap_or_default()),
        money(all.quantile(0.9).unwrap_or_default()),
        money(all.quantile(0.95).unwrap_or_default()),
        percent(all.without_loss)
    )
}

/// The axis of losses: powers of ten, logarithmic.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(lines: &[Line<'_>]) -> Self {
        let losses = || lines.iter().flat_map(|line| &line.figures.curve).map(|point| point.loss);
        let positive = losses().filter(|loss| *loss > 0.0).fold(f64::INFINITY, f64::min);
        let most = losses().fold(0.0, f64::max);
        if !positive.is_finite() || most <= 0.0 {
            return Self { low: 0.0, high: 1.0 };
        }
        let (low, high) = (libm::floor(libm::log10(positive)), libm::ceil(libm::log10(most)));
        // What hardly ever happens is no reason to make all else small.
        Self { low: low.max(high - 5.0), high: high.max(low + 1.0) }
    }

    fn x(&self, loss: f64) -> f64 {
        let part = (libm::log10(loss.max(f64::MIN_POSITIVE)) - self.low) / (self.high - self.low);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

fn draw(report: &Report, lines: &[Line<'_>]) -> String {
    let axis = Axis::of(lines);
    let top = 44.0 + 20.0 * lines.len() as f64;
    let bottom = top + HEIGHT;
    let y = |probability: f64| bottom - probability * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"t d\" viewBox=\"0 0 {WIDTH} {}\">\
         <title id=\"t\">How probable it is that a year's losses exceed an amount</title><desc id=\"d\">{}</desc>\
         <style>{STYLE}</style>",
        bottom + 52.0,
        escape(&*described(report))
    );
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"22\" font-weight=\"600\">How probable it is that a year's losses exceed an amount</text>"
    );
    for (nth, line) in lines.iter().enumerate() {
        let at = 44.0 + 20.0 * nth as f64;
        let mean = money(line.figures.mean);
        let _ = write!(
            svg,
            "<path class=\"line l{nth}\" stroke-dasharray=\"{}\" d=\"M{LEFT} {:.1}h36\"/><text x=\"{}\" y=\"{at:.1}\">{} (mean {mean} {})</text>",
            DASHES[nth % LINES],
            at - 4.0,
            LEFT + 44.0,
            escape(&*shortened(&line.name)),
            report.currency
        );
    }
    for tenth in (0..=10).step_by(2) {
        let at = y(f64::from(tenth) / 10.0);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            tenth * 10
        );
    }
    for power in axis.low as i32..=axis.high as i32 {
        let loss = libm::pow(10.0, f64::from(power));
        let at = axis.x(loss);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {top}V{bottom}\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            brief(loss)
        );
    }
    let _ = write!(
        svg,
        "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {top}V{bottom}H{}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\">losses of a year, {}</text>",
        WIDTH - RIGHT,
        f64::midpoint(LEFT, WIDTH - RIGHT),
        bottom + 40.0,
        report.currency
    );
    for (nth, line) in lines.iter().enumerate().rev() {
        let points = path(&line.figures.curve, &axis, y);
        let dash = DASHES[nth % LINES];
        let _ = write!(svg, "<path class=\"line l{nth}\" stroke-dasharray=\"{dash}\" d=\"{points}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn path(curve: &[Exceedance], axis: &Axis, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    if let Some(first) = curve.first() {
        let _ = write!(path, "M{LEFT} {:.1}", y(first.probability));
    }
    for point in curve {
        let _ = write!(path, "L{:.1} {:.1}", axis.x(point.loss), y(point.probability));
    }
    path
}

/// An amount that is a power of ten: `10k`, `1M`.
fn brief(amount: f64) -> String {
    for (unit, of) in [("T", 1e12), ("bn", 1e9), ("M", 1e6), ("k", 1e3)] {
        if amount >= of {
            return format!("{}{unit}", amount / of);
        }
    }
    format!("{amount}")
}

fn shortened(name: &str) -> String {
    const MOST: usize = 70;
    if name.chars().count() <= MOST {
        name.into()
    } else {
        name.chars().take(MOST - 1).chain(['…']).collect()
    }
}
