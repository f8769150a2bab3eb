//! Archives and workbooks that are written for a test.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A zip with these files, compressed.
pub(in crate::feed) fn zipped<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="20"/></cellXfs></styleSheet>"#;

/// A workbook with these sheets, each by its name and the XML of its rows. Style 1 is a date with time, 2 a duration, 3 a time of day.
pub(in crate::feed) fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let (mut list, mut links, mut parts) = (String::new(), String::new(), Vec::new());
    for (number, (name, rows)) in sheets.iter().enumerate() {
        let id = number + 1;
        list += &format!(r#"<sheet name="{name}" sheetId="{id}" r:id="rId{id}"/>"#);
        links +=
            &format!(r#"<Relationship Id="rId{id}" Type="{relations}/worksheet" Target="worksheets/sheet{id}.xml"/>"#);
        let sheet = format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#);
        parts.push((format!("xl/worksheets/sheet{id}.xml"), sheet));
    }
    links += &format!(r#"<Relationship Id="rId99" Type="{relations}/styles" Target="styles.xml"/>"#);
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let root = format!(r#"<Relationship Id="rId1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>"#);
    let linked = |links: &str| format!(r#"<Relationships xmlns="{package}">{links}</Relationships>"#);
    parts.push(("_rels/.rels".to_owned(), linked(&root)));
    parts.push(("xl/_rels/workbook.xml.rels".to_owned(), linked(&links)));
    let book = format!(r#"<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{list}</sheets></workbook>"#);
    parts.push(("xl/workbook.xml".to_owned(), book));
    parts.push(("xl/styles.xml".to_owned(), STYLES.to_owned()));
    let types = "http://schemas.openxmlformats.org/package/2006/content-types";
    parts.push(("[Content_Types].xml".to_owned(), format!(r#"<Types xmlns="{types}"/>"#)));
    zipped(parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}
