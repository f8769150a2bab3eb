//! Workbooks (XLSX) as a spreadsheet opens them: sheets of text, numbers and formulas, and nothing else: no macro, no link, no picture.
//!
//! The same sheets give the same bytes. What people wrote is always text: a cell begins a formula only where this program wrote one.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use rust_decimal::Decimal;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// One sheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Its name on the tab: 1 to 31 letters and spaces.
    pub name: &'static str,
    /// Widths of the columns from the left, in letters.
    pub widths: Vec<u32>,
    /// How many rows from the top stay in sight, and are printed on each page.
    pub heads: usize,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell: what is in it, and how it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    content: Content,
    look: Look,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Nothing,
    Text(String),
    Number(String),
    Formula { formula: String, value: Option<String> },
}

/// How a cell is shown: the numbers of the formats in the part `styles.xml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Text = 1,
    Head = 2,
    Title = 3,
    Number = 4,
    Whole = 5,
    Amount = 6,
    Sentence = 7,
}

impl Cell {
    /// An empty cell.
    pub fn nothing() -> Cell {
        Cell { content: Content::Nothing, look: Look::Text }
    }

    /// Text, whatever it begins with.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell { content: Content::Text(text.into()), look: Look::Text }
    }

    /// The head of a column or of a row.
    pub fn head(text: impl Into<String>) -> Cell {
        Cell { look: Look::Head, ..Cell::text(text) }
    }

    /// The title of a sheet.
    pub fn title(text: impl Into<String>) -> Cell {
        Cell { look: Look::Title, ..Cell::text(text) }
    }

    /// A sentence that runs over the empty cells to its right.
    pub fn sentence(text: impl Into<String>) -> Cell {
        Cell { look: Look::Sentence, ..Cell::text(text) }
    }

    /// A decimal text as a number with the decimals that it has; text that is not a decimal stays text.
    pub fn number(text: &str) -> Cell {
        Cell::numeric(text, Look::Number)
    }

    /// A count, with commas between thousands.
    pub fn whole(count: i64) -> Cell {
        Cell { content: Content::Number(count.to_string()), look: Look::Whole }
    }

    /// A decimal text as an amount of money.
    pub fn amount(text: &str) -> Cell {
        Cell::numeric(text, Look::Amount)
    }

    /// The number or amount of an optional decimal text; an empty cell without one.
    pub fn optional(text: Option<&str>, cell: impl Fn(&str) -> Cell) -> Cell {
        text.map_or_else(Cell::nothing, cell)
    }

    /// A formula for an amount, with the value that programs show which do not compute.
    pub fn computed(formula: impl Into<String>, value: Option<&str>) -> Cell {
        let value = value.and_then(|value| value.parse::<Decimal>().ok()).map(|value| value.to_string());
        Cell { content: Content::Formula { formula: formula.into(), value }, look: Look::Amount }
    }

    /// The same cell as a number with the decimals that it has.
    #[must_use]
    pub fn plain(self) -> Cell {
        Cell { look: Look::Number, ..self }
    }

    fn numeric(text: &str, look: Look) -> Cell {
        match text.parse::<Decimal>() {
            Ok(number) => Cell { content: Content::Number(number.to_string()), look },
            Err(_) => Cell::text(text),
        }
    }
}

/// A decimal text as a part of a formula. Text that is not a decimal has no place in one: it is shown as `#N/A`.
pub fn literal(text: &str) -> String {
    text.parse::<Decimal>().map_or_else(|_| "NA()".to_owned(), |number| number.to_string())
}

/// The name of a cell, such as `B7`, from its column and row, both counted from 0.
pub fn place(column: usize, row: usize) -> String {
    let mut letters = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or_default();
        letters.insert(0, char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    format!("{letters}{}", row + 1)
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// The workbook's bytes. `decimals` is how many digits amounts have after the point.
///
/// # Errors
/// When the archive cannot be written, which memory rules out.
pub fn write(title: &str, sheets: &[Sheet], decimals: u32) -> std::io::Result<Vec<u8>> {
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), types(sheets.len())),
        ("_rels/.rels".to_owned(), package_relations()),
        ("docProps/core.xml".to_owned(), properties(title)),
        ("xl/workbook.xml".to_owned(), book(sheets)),
        ("xl/_rels/workbook.xml.rels".to_owned(), book_relations(sheets.len())),
        ("xl/styles.xml".to_owned(), styles(decimals)),
    ];
    for (number, sheet) in sheets.iter().enumerate() {
        parts.push((format!("xl/worksheets/sheet{}.xml", number + 1), sheet_part(sheet)));
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, content) in parts {
        archive.start_file(name, options)?;
        archive.write_all(DECLARATION.as_bytes())?;
        archive.write_all(content.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

fn types(sheets: usize) -> String {
    let mut parts = format!(
        "<Override PartName=\"/xl/workbook.xml\" ContentType=\"{TYPE}.sheet.main+xml\"/>\
         <Override PartName=\"/xl/styles.xml\" ContentType=\"{TYPE}.styles+xml\"/>\
         <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>"
    );
    for number in 1..=sheets {
        let _ = write!(
            parts,
            "<Override PartName=\"/xl/worksheets/sheet{number}.xml\" ContentType=\"{TYPE}.worksheet+xml\"/>"
        );
    }
    format!(
        "<Types xmlns=\"{PACKAGE}/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{parts}</Types>"
    )
}

fn package_relations() -> String {
    format!(
        "<Relationships xmlns=\"{PACKAGE}/relationships\">\
         <Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/>\
         <Relationship Id=\"rId2\" Type=\"{PACKAGE}/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>\
         </Relationships>"
    )
}

fn properties(title: &str) -> String {
    format!(
        "<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:title>{}</dc:title><dc:creator>bpo-operator</dc:creator></cp:coreProperties>",
        escaped(title)
    )
}

/// The list of sheets; every formula is computed when the workbook is opened.
fn book(sheets: &[Sheet]) -> String {
    let mut list = String::new();
    let mut titles = String::new();
    for (index, sheet) in sheets.iter().enumerate() {
        let number = index + 1;
        let _ = write!(list, "<sheet name=\"{}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>", sheet.name);
        if sheet.heads > 0 {
            let (name, heads) = (sheet.name, sheet.heads);
            let _ = write!(
                titles,
                "<definedName name=\"_xlnm.Print_Titles\" localSheetId=\"{index}\">'{name}'!$1:${heads}</definedName>"
            );
        }
    }
    let titles = if titles.is_empty() { titles } else { format!("<definedNames>{titles}</definedNames>") };
    format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{list}</sheets>{titles}<calcPr fullCalcOnLoad=\"1\"/></workbook>"
    )
}

fn book_relations(sheets: usize) -> String {
    let mut list = String::new();
    for number in 1..=sheets {
        let _ = write!(
            list,
            "<Relationship Id=\"rId{number}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        );
    }
    let styles = sheets + 1;
    format!(
        "<Relationships xmlns=\"{PACKAGE}/relationships\">{list}\
         <Relationship Id=\"rId{styles}\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/></Relationships>"
    )
}

/// The formats in the order of [`Look`]; the first is the one of cells that name none. Text has the format of text, so that a
/// cell which somebody edits does not become a formula either.
fn styles(decimals: u32) -> String {
    let fraction = if decimals == 0 { String::new() } else { format!(".{}", "0".repeat(decimals as usize)) };
    let top = "<alignment horizontal=\"left\" vertical=\"top\" wrapText=\"1\" indent=\"1\"/>";
    let line = "<alignment horizontal=\"left\" vertical=\"top\" indent=\"1\"/>";
    let format = |number: u32, font: u32, border: u32, alignment: &str| {
        format!(
            "<xf numFmtId=\"{number}\" fontId=\"{font}\" fillId=\"0\" borderId=\"{border}\" xfId=\"0\" applyNumberFormat=\"1\" \
             applyFont=\"1\" applyBorder=\"1\" applyAlignment=\"1\">{alignment}</xf>"
        )
    };
    let number = "<alignment vertical=\"top\"/>";
    let formats = [
        format(0, 0, 0, number),
        format(49, 0, 0, top),
        format(49, 1, 1, top),
        format(49, 2, 0, line),
        format(0, 0, 0, number),
        format(3, 0, 0, number),
        format(164, 0, 0, number),
        format(49, 0, 0, line),
    ];
    format!(
        "<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"#,##0{fraction}\"/></numFmts>\
         <fonts count=\"3\"><font><sz val=\"10\"/><name val=\"Arial\"/></font><font><b/><sz val=\"10\"/><name val=\"Arial\"/></font>\
         <font><b/><sz val=\"14\"/><name val=\"Arial\"/></font></fonts>\
         <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
         <borders count=\"2\"><border><left/><right/><top/><bottom/><diagonal/></border>\
         <border><left/><right/><top/><bottom style=\"thin\"><color rgb=\"FF85898E\"/></bottom><diagonal/></border></borders>\
         <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
         <cellXfs count=\"{}\">{}</cellXfs>\
         <cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>",
        formats.len(),
        formats.concat()
    )
}

fn sheet_part(sheet: &Sheet) -> String {
    let mut columns = String::new();
    for (index, width) in sheet.widths.iter().enumerate() {
        let number = index + 1;
        let _ = write!(columns, "<col min=\"{number}\" max=\"{number}\" width=\"{width}\" customWidth=\"1\"/>");
    }
    let columns = if columns.is_empty() { columns } else { format!("<cols>{columns}</cols>") };
    let pane = match sheet.heads {
        0 => String::new(),
        heads => format!(
            "<pane ySplit=\"{heads}\" topLeftCell=\"A{}\" activePane=\"bottomLeft\" state=\"frozen\"/>",
            heads + 1
        ),
    };
    let rows: String =
        sheet.rows.iter().enumerate().map(|(number, cells)| row_part(number, cells, &sheet.widths)).collect();
    format!(
        "<worksheet xmlns=\"{MAIN}\"><sheetPr><pageSetUpPr fitToPage=\"1\"/></sheetPr>\
         <sheetViews><sheetView workbookViewId=\"0\">{pane}</sheetView></sheetViews>{columns}<sheetData>{rows}</sheetData>\
         <pageMargins left=\"0.5\" right=\"0.5\" top=\"0.6\" bottom=\"0.6\" header=\"0.3\" footer=\"0.3\"/>\
         <pageSetup orientation=\"landscape\" fitToHeight=\"0\"/></worksheet>"
    )
}

/// Height of a line of text, in points.
const LINE_HEIGHT: usize = 14;

/// The lines that a cell's text takes in a column of this many letters; programs do not find it out themselves.
fn lines(cell: &Cell, width: u32) -> usize {
    let letters = (width as usize).saturating_sub(3).max(1);
    match (&cell.content, cell.look) {
        (Content::Text(_), Look::Title) => 2,
        (Content::Text(said), Look::Text | Look::Head) => {
            said.split('\n').map(|line| line.chars().count().div_ceil(letters).max(1)).sum()
        }
        _ => 1,
    }
}

fn row_part(row: usize, cells: &[Cell], widths: &[u32]) -> String {
    let tall = cells.iter().zip(widths).map(|(cell, width)| lines(cell, *width)).max().unwrap_or(1).min(20);
    let height = if tall > 1 { format!(" ht=\"{}\" customHeight=\"1\"", tall * LINE_HEIGHT) } else { String::new() };
    let mut text = format!("<row r=\"{}\"{height}>", row + 1);
    for (column, cell) in cells.iter().enumerate() {
        let start = format!("<c r=\"{}\" s=\"{}\"", place(column, row), cell.look as u32);
        let _ = match &cell.content {
            Content::Nothing => Ok(()),
            Content::Text(said) => {
                write!(text, "{start} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>", escaped(said))
            }
            Content::Number(number) => write!(text, "{start}><v>{number}</v></c>"),
            Content::Formula { formula, value } => {
                let value = value.as_ref().map(|value| format!("<v>{value}</v>")).unwrap_or_default();
                write!(text, "{start}><f>{}</f>{value}</c>", escaped(formula))
            }
        };
    }
    text + "</row>"
}

/// The most letters that a cell can hold.
const LONGEST: usize = 32_767;

/// Text of XML that means nothing but itself. Control characters, which XML cannot hold, are shown as `�`; an underscore that would
/// begin one of the format's own escapes, such as `_x0041_`, is escaped itself.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ahead = text.chars();
    for letter in text.chars().take(LONGEST) {
        ahead.next();
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '_' if begins_escape(ahead.as_str()) => out.push_str("_x005F_"),
            '\n' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// Whether `xHHHH_` follows.
fn begins_escape(after: &str) -> bool {
    let bytes = after.as_bytes();
    matches!(bytes.first(), Some(b'x' | b'X'))
        && bytes.get(5) == Some(&b'_')
        && bytes.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use calamine::{Data, Reader, Xlsx};

    use super::*;

    fn read(cells: Vec<Cell>) -> (Vec<Data>, Vec<String>) {
        let sheet = Sheet { name: "One", widths: vec![10], heads: 1, rows: vec![vec![Cell::head("x")], cells] };
        let bytes = write("title", &[sheet], 2).unwrap();
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        let values = book.worksheet_range("One").unwrap().rows().nth(1).unwrap().to_vec();
        let formulas = book.worksheet_formula("One").unwrap();
        (values, formulas.rows().flatten().filter(|formula| !formula.is_empty()).cloned().collect())
    }

    #[test]
    fn what_people_wrote_is_read_back_as_the_text_that_it_was_and_never_as_a_formula() {
        let cases = [
            ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
            ("+1", "+1"),
            ("@SUM(A1)", "@SUM(A1)"),
            ("-2+3", "-2+3"),
            ("</t></is></c><c><f>1+1</f></c>", "</t></is></c><c><f>1+1</f></c>"),
            ("a & \"b\" 'c'", "a & \"b\" 'c'"),
            ("_x0041_", "_x0041_"),
            ("__x005F_", "__x005F_"),
            ("bell\u{7} null\u{0} esc\u{1b}", "bell\u{fffd} null\u{fffd} esc\u{fffd}"),
            ("two\nlines\ttab", "two\nlines\ttab"),
            (" spaces ", " spaces "),
            ("\u{202e}right to left \u{ffff}", "\u{202e}right to left \u{fffd}"),
        ];
        for (written, read_back) in cases {
            let (values, formulas) = read(vec![Cell::text(written)]);
            assert_eq!(values, [Data::String(read_back.to_owned())], "{written:?}");
            assert!(formulas.is_empty(), "{written:?}: {formulas:?}");
        }
        let long = "x".repeat(LONGEST + 5);
        assert_eq!(read(vec![Cell::text(long)]).0, [Data::String("x".repeat(LONGEST))]);
    }

    #[test]
    fn numbers_are_numbers_and_what_is_none_stays_text() {
        let (values, formulas) = read(vec![
            Cell::number("66.30"),
            Cell::amount("-1000.00"),
            Cell::whole(39_448),
            Cell::number("n/a"),
            Cell::number("1_000"),
            Cell::computed("SUM(A2:B2)", Some("-933.70")),
        ]);
        let number = Data::Float;
        let text = |text: &str| Data::String(text.to_owned());
        let expected = [number(66.3), number(-1000.0), number(39_448.0), text("n/a"), number(1000.0), number(-933.7)];
        assert_eq!(values, expected);
        assert_eq!(formulas, ["SUM(A2:B2)"]);
    }

    #[test]
    fn only_decimals_become_a_part_of_a_formula() {
        for (text, part) in
            [("12.50", "12.50"), ("-1", "-1"), ("1+1", "NA()"), ("cmd|' /C calc'!A0", "NA()"), ("", "NA()")]
        {
            assert_eq!(literal(text), part, "{text:?}");
        }
    }

    #[test]
    fn cells_are_named_as_spreadsheets_name_them() {
        for (column, row, name) in [(0, 0, "A1"), (25, 9, "Z10"), (26, 0, "AA1"), (701, 0, "ZZ1"), (702, 0, "AAA1")] {
            assert_eq!(place(column, row), name);
        }
    }

    #[test]
    fn rows_are_as_high_as_their_longest_text() {
        let cases = [
            (Cell::text("short"), 10, 1),
            (Cell::text("a text of more than ten letters"), 13, 4),
            (Cell::text("two\nlines"), 80, 2),
            (Cell::sentence("a text of more than ten letters"), 13, 1),
            (Cell::number("1234567890123456789"), 5, 1),
            (Cell::title("a title"), 5, 2),
        ];
        for (cell, width, high) in cases {
            assert_eq!(lines(&cell, width), high, "{cell:?}");
        }
        assert!(
            row_part(0, &[Cell::text("two\nlines")], &[80]).starts_with("<row r=\"1\" ht=\"28\" customHeight=\"1\">")
        );
    }

    #[test]
    fn the_same_sheets_give_the_same_bytes() {
        let sheet = Sheet { name: "One", rows: vec![vec![Cell::text("a")]], ..Sheet::default() };
        assert_eq!(write("t", std::slice::from_ref(&sheet), 2).unwrap(), write("t", &[sheet], 2).unwrap());
    }
}
