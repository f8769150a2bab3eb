//! What days and parts say, in sentences of a closed list.

use super::{DayLine, PartsLine, Writing, each, name_of};
use crate::api::kpi_target::{FormulaUnit, Verdict};
use crate::domain::measuring::breakdown::{Group, Part, PartOf};
use crate::domain::numbers::exact::Exact;
use crate::view::words::{capital, number_word, thousands};

/// The unit in which an effect is written.
pub(super) fn effect_unit(unit: FormulaUnit) -> &'static str {
    match unit {
        FormulaUnit::Percent => "percentage points",
        FormulaUnit::Seconds => "s",
        _ => "",
    }
}

/// What the days say, then what the parts say.
pub(super) fn summary(writing: &Writing<'_>, days: &[DayLine], parts: &[PartsLine]) -> Vec<String> {
    let mut sentences: Vec<String> = of_days(writing, days).into_iter().collect();
    sentences.extend(without_value(writing, days));
    sentences.extend(of_parts(writing));
    if !writing.broken.steps_add_up && !writing.broken.is_tally {
        sentences.push("Levels and rates for a year are averaged over time: its days do not add up to it.".to_owned());
    }
    if parts.is_empty() && !writing.broken.is_tally && days.len() > 1 {
        sentences.push("All rows carry the same labels, or none.".to_owned());
    }
    sentences
}

fn count(writing: &Writing<'_>, number: usize) -> String {
    let each = each(writing.broken.each);
    if number == 1 { format!("one {each}") } else { format!("{} {each}s", number_word(number)) }
}

/// How many days missed, and which was the worst.
pub(super) fn of_days(writing: &Writing<'_>, days: &[DayLine]) -> Option<String> {
    if days.len() < 2 {
        return None;
    }
    let judged = days.iter().filter(|day| matches!(day.verdict, Verdict::Met | Verdict::Missed)).count();
    let missed = days.iter().filter(|day| day.verdict == Verdict::Missed).count();
    let all = count(writing, judged);
    let first = match (judged, missed) {
        (0, _) => return None,
        (1, 0) => "The one with data met the target".to_owned(),
        (_, 0) => format!("Each of {all} with data met the target by itself"),
        (_, missed) if missed == judged => {
            format!("{} with data missed the target by {}", capital(&all), by_itself(judged))
        }
        (_, missed) => {
            format!("{} of {all} with data missed the target by {}", capital(&number_word(missed)), by_itself(missed))
        }
    };
    Some(format!("{first}{}.", worst(writing, missed).unwrap_or_default()))
}

fn by_itself(count: usize) -> &'static str {
    if count == 1 { "itself" } else { "themselves" }
}

/// The day with the worst effect, where days add up and one missed.
fn worst(writing: &Writing<'_>, missed: usize) -> Option<String> {
    let broken = writing.broken;
    let harmed = broken.steps.iter().filter(|step| step.verdict == Verdict::Missed && missed > 0);
    let harmed = harmed.filter_map(|step| Some((broken.harm(step.effect.as_ref()?), step)));
    let (_, step) = harmed.max_by(|(one, _), (other, _)| one.cmp(other))?;
    let shown = writing.shown(step.counts.value.as_ref(), &step.target);
    let [above, below] = [&step.counts.numerator, &step.counts.denominator].map(|count| thousands(&count.show(2)));
    Some(format!("; {} cost most, with {shown} ({above} ÷ {below})", step.name))
}

/// Days without data, with relief, and with holes.
pub(super) fn without_value(writing: &Writing<'_>, days: &[DayLine]) -> Option<String> {
    let of = |is: fn(&DayLine) -> bool| days.iter().filter(|day| is(day)).count();
    let counts = [
        (of(|day| day.verdict == Verdict::NoData), "without data"),
        (of(|day| day.verdict == Verdict::Excused), "wholly excused"),
        (of(|day| day.before_relief.is_some() && day.verdict != Verdict::Excused), "partly excused"),
        (of(|day| day.has_gap && day.verdict != Verdict::NoData), "with hours left out"),
    ];
    let found: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(writing, number)))
        .collect();
    (!found.is_empty()).then(|| format!("{}.", capital(&crate::view::words::list(&found))))
}

/// Which part is much worse where the target was missed: the one whose share of the miss is most above its share of the volume.
fn of_parts(writing: &Writing<'_>) -> Option<String> {
    let broken = writing.broken;
    let missed = broken.whole.value.as_ref().is_some_and(|value| !broken.aim.is_met_by(value));
    let groups: Vec<&Group> = broken.groups.iter().filter(|group| group.adds_up && group.label.is_some()).collect();
    if !missed || groups.is_empty() {
        return None;
    }
    let worse = groups.iter().filter_map(|group| much_worse(writing, group));
    let found = worse.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, sentence)| sentence);
    let names: Vec<String> = groups.iter().filter_map(|group| group.label.clone()).collect();
    let nothing = || format!("No {} is much worse than the others: all of them fell short.", names.join(" and no "));
    Some(found.unwrap_or_else(nothing))
}

/// The sentence of the part of a group that is much worse than its volume explains, with by how much it is.
fn much_worse(writing: &Writing<'_>, group: &Group) -> Option<(Exact, String)> {
    let broken = writing.broken;
    let harm = |part: &Part| part.effect.as_ref().map(|effect| broken.harm(effect)).unwrap_or_default();
    let lacking: Exact = group.parts.iter().map(harm).sum();
    let worst =
        group.parts.iter().filter(|part| !matches!(part.of, PartOf::Others(_))).max_by_key(|part| harm(part))?;
    let share = harm(worst).checked_div(&lacking)?;
    let volume = worst.counts.denominator.checked_div(&broken.whole.denominator)?;
    let (half, more) = (Exact::fraction(1, 2)?, Exact::fraction(5, 4)?);
    if lacking <= Exact::ZERO || share < half || share < &volume * &more {
        return None;
    }
    let part = format!("{} {}", group.label.as_deref().unwrap_or_default(), name_of(&worst.of));
    let shown = writing.shown(worst.counts.value.as_ref(), &broken.aim.target);
    let percent = |share: &Exact| format!("{}%", (share * &Exact::HUNDRED).show_fixed(1));
    let of_volume = percent(&volume);
    let sentence = match share > Exact::ONE {
        true => format!(
            "All of the miss lies in {part}: {shown} on {of_volume} of the volume; without it the target was met."
        ),
        false => format!("{} of the miss lies in {part}: {shown} on {of_volume} of the volume.", percent(&share)),
    };
    Some((share - volume, sentence))
}
