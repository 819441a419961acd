// Reading CSV: what is understood, what is refused and with which words, and no crash on any bytes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "mutated_text.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

using Strings = std::vector<std::string>;

Table parse(const std::string& bytes, CsvOptions options = {}) {
  return parse_csv(bytes, "t.csv", options);
}

Strings names_of(const Table& table) {
  Strings names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

std::string error_of(const std::string& bytes, CsvOptions options = {}) {
  try {
    parse(bytes, options);
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

void expect_error(const std::string& bytes, const std::string& beginning) {
  const std::string message = error_of(bytes);
  EXPECT_EQ(message.substr(0, beginning.size()), beginning) << message;
  EXPECT_NE(message.find("; "), std::string::npos) << "no remedy: " << message;
}

// ---- what is understood -------------------------------------------------------------------------

TEST(Csv, NumbersUnderAHeader) {
  const Table table = parse("a,b\n1,2.5\n-3e2,.5\n");
  EXPECT_TRUE(table.header_found);
  EXPECT_EQ(names_of(table), (Strings{"a", "b"}));
  EXPECT_EQ(table.columns[0].numbers, (std::vector<double>{1, -300}));
  EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{2.5, 0.5}));
  EXPECT_EQ(table.file_rows, (std::vector<Index>{2, 3}));
}

TEST(Csv, WithoutAHeaderColumnsAreNumbered) {
  const Table table = parse("1,2\n3,4\n5,6");
  EXPECT_FALSE(table.header_found);
  EXPECT_EQ(names_of(table), (Strings{"x0", "x1"}));
  EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{2, 4, 6}));
  EXPECT_EQ(table.file_rows, (std::vector<Index>{1, 2, 3}));
}

TEST(Csv, TheHeaderMayHaveNumbersAndTheFirstRowText) {
  EXPECT_TRUE(parse("a,b,2020\n1,2,3\n4,5,6\n").header_found);
  EXPECT_FALSE(parse("red,1,2\ngreen,3,4\n").header_found);
  EXPECT_TRUE(parse("color,size\nred,small\n").header_found);
  EXPECT_TRUE(parse("a,b\n,1\n3,2\n").header_found);
}

TEST(Csv, QuotesHoldDelimitersNewlinesAndQuotes) {
  const Table table = parse("\"name, first\",v\n\"a,\"\"b\"\"\nc\",1\n\"  kept \",\"2\"\n");
  EXPECT_EQ(table.columns[0].name, "name, first");
  EXPECT_EQ(table.columns[0].text, (Strings{"a,\"b\"\nc", "  kept "}));
  EXPECT_TRUE(table.columns[1].numeric);
  EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{1, 2}));
}

TEST(Csv, ByteOrderMarkLineEndsAndBlanks) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const Table table = parse(
        "\xEF\xBB\xBF"
        "a,b" +
        end + " 1 ,\t2" + end + end + "3, 4 " + end + end);
    EXPECT_EQ(names_of(table), (Strings{"a", "b"}));
    EXPECT_EQ(table.columns[0].numbers, (std::vector<double>{1, 3}));
    EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{2, 4}));
    EXPECT_EQ(table.file_rows, (std::vector<Index>{2, 4}));  // the blank row counts
  }
}

TEST(Csv, DetectsTheDelimiter) {
  EXPECT_EQ(parse("a,b\n1,2\n").delimiter, ',');
  EXPECT_EQ(parse("a;b\n1,5;2,5\n").delimiter, ';');
  EXPECT_EQ(parse("1,5;2,5\n2,5;3,5\n").delimiter, ';');
  EXPECT_EQ(parse("a\tb\n1\t2\n").delimiter, '\t');
  EXPECT_EQ(parse("\"x;y;z\",b\n1,2\n").delimiter, ',');
  EXPECT_EQ(parse("a,b;c\n1,2\n3,4\n").delimiter, ',');
  const Table table = parse("a|b\n1|2\n", {'|'});
  EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{2}));
  EXPECT_THROW(parse("a\n1\n", {'"'}), UsageError);
  EXPECT_THROW(parse("a\n1\n", {'e'}), UsageError);
}

TEST(Csv, MissingCells) {
  const Table table = parse("a,b,c\n1,,x\n\"\", 2,\n3,4,y\n");
  EXPECT_EQ(table.columns[0].missing, 1);
  EXPECT_TRUE(std::isnan(table.columns[0].numbers[1]));
  EXPECT_TRUE(std::isnan(table.columns[1].numbers[0]));
  EXPECT_EQ(table.columns[2].text, (Strings{"x", "", "y"}));
  EXPECT_EQ(table.columns[2].missing, 1);
}

TEST(Csv, ATextFarDownTurnsItsColumnIntoText) {
  std::string bytes = "a,b,c\n";
  for (int i = 0; i < 100; ++i) bytes += std::to_string(i) + ",1.50,0\n";
  bytes += "x,1.50,0\n7,oops,0\n8,,0\n";
  const Table table = parse(bytes);
  ASSERT_FALSE(table.columns[0].numeric);
  EXPECT_EQ(table.columns[0].first_text_row, 102);
  EXPECT_EQ(table.columns[0].text.size(), 103U);
  EXPECT_EQ(table.columns[0].text[99], "99");
  EXPECT_EQ(table.columns[0].text[100], "x");
  EXPECT_EQ(table.columns[1].first_text_row, 103);
  EXPECT_EQ(table.columns[1].text[0], "1.50");  // as it stands, not as a number
  EXPECT_EQ(table.columns[1].text[101], "oops");
  EXPECT_EQ(table.columns[1].missing, 1);
  EXPECT_TRUE(table.columns[2].numeric);
}

TEST(Csv, NumbersThatAreNotFiniteAreRemembered) {
  for (const char* cell : {"inf", "-Infinity", "NaN", "nan", "+INF", "1e999"}) {
    const Table table = parse(std::string("a,b\n1,2\n") + cell + ",3\n");
    EXPECT_TRUE(table.columns[0].numeric) << cell;
    EXPECT_EQ(table.columns[0].first_not_finite_row, 3) << cell;
    EXPECT_EQ(table.columns[0].first_not_finite, cell);
    EXPECT_EQ(table.columns[0].missing, 0);
    EXPECT_EQ(table.columns[1].first_not_finite_row, -1);
  }
}

TEST(Csv, ATrailingDelimiterMakesNoColumn) {
  EXPECT_EQ(parse("a,b,\n1,2,\n3,4,\n").columns.size(), 2U);
  EXPECT_EQ(names_of(parse(",b\n1,2\n3,4\n")), (Strings{"x0", "b"}));
}

TEST(Csv, TenThousandColumns) {
  std::string bytes;
  for (int j = 0; j < 10000; ++j) bytes += (j ? ",c" : "c") + std::to_string(j);
  for (int i = 0; i < 3; ++i) {
    bytes += '\n';
    for (int j = 0; j < 10000; ++j) bytes += (j ? "," : "") + std::to_string(i * j);
  }
  const Table table = parse(bytes);
  ASSERT_EQ(table.columns.size(), 10000U);
  EXPECT_EQ(table.columns[9999].numbers, (std::vector<double>{0, 9999, 19998}));
}

TEST(Csv, FindsColumnsByNameOrIndex) {
  const Table table = parse("a,1,b\n1,2,3\n");
  ASSERT_TRUE(table.header_found);
  EXPECT_EQ(table.find("b"), 2);
  EXPECT_EQ(table.find("1"), 1);  // a name goes before an index
  EXPECT_EQ(table.find("2"), 2);
  EXPECT_THROW(table.find("3"), UsageError);
  EXPECT_THROW(table.find("-1"), UsageError);
  EXPECT_THROW(table.find(""), UsageError);
}

// ---- what is refused ----------------------------------------------------------------------------

TEST(CsvErrors, EmptyAndHeaderOnly) {
  expect_error("", "t.csv: the file is empty");
  expect_error("\n \n\r\n", "t.csv: the file is empty");
  expect_error("a,b,c\n", "t.csv:1:1: there is a header and no data");
}

TEST(CsvErrors, RaggedRows) {
  expect_error("a,b,c\n1,2,3\n1,2\n", "t.csv:3:3: 2 cells where the first row has 3");
  expect_error("a,b,c\n1,2,3,4,5\n", "t.csv:2:4: 5 cells where the first row has 3");
  EXPECT_NE(error_of("a;b\n1;2;3\n").find("';'"), std::string::npos);
}

TEST(CsvErrors, Quotes) {
  expect_error("a,b\n1,\"x\n2,3\n", "t.csv:2:2: the quote that opens here is never closed");
  expect_error("a,b\n1,\"x\"y\n", "t.csv:2:2: there is text behind the closing quote");
}

TEST(CsvErrors, Encoding) {
  using namespace std::string_literals;
  expect_error("a,b\n1,\0\n"s, "t.csv:2:2: a NUL byte");
  expect_error("a,b\n1,2\nx\xE9,3\n", "t.csv:3:1: byte 0xe9 is not UTF-8");
  expect_error("a,b\r1,2\rx\xE9,3\r", "t.csv:3:1: byte 0xe9 is not UTF-8");
  expect_error("a,b\r\n1,2\r\n3,x\xE9\r\n", "t.csv:3:2: byte 0xe9 is not UTF-8");
  expect_error("a,b\n1,\xC0\xAF\n", "t.csv:2:2: byte 0xc0");          // overlong
  expect_error("a,b\n1,\xED\xA0\x80\n", "t.csv:2:2: byte 0xed");      // surrogate
  expect_error("a,b\n1,\xF4\x90\x80\x80\n", "t.csv:2:2: byte 0xf4");  // above U+10FFFF
  expect_error("a,b\n1,2\xE2\x82", "t.csv:2:2: byte 0xe2");           // cut off
  expect_error(
      "\xFF\xFE"
      "a\0,\0"s,
      "t.csv:1:1: the text is UTF-16");
  EXPECT_EQ(error_of("\xC3\xA9,\xE2\x82\xAC\n\xF0\x9F\x98\x80,1\n"), "accepted");
}

TEST(CsvErrors, DuplicateNamesComeAfterShapeAndEncoding) {
  expect_error("a,b,a\n1,2,3\n", "t.csv:1:3: column name 'a' is already that of column 1");
  expect_error("a,b,a\n1,2\n", "t.csv:2:3: 2 cells");
  expect_error("a,b,a\n1,2,\xFF\n", "t.csv:2:3: byte 0xff");
}

// ---- files --------------------------------------------------------------------------------------

class CsvFile : public testing::Test {
 protected:
  CsvFile() { std::filesystem::create_directories(folder_); }
  ~CsvFile() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("thalweg-csv-test-" + std::to_string(::getpid()));
};

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST_F(CsvFile, GzipIsFoundByContent) {
  std::string bytes = "a,b\n";
  for (int i = 0; i < 100000; ++i) bytes += std::to_string(i) + ",2\n";
  const Table table = read_csv(write("packed.csv", gzip(bytes)));
  EXPECT_EQ(table.rows(), 100000);
  EXPECT_EQ(table.columns[0].numbers.back(), 99999);
  EXPECT_EQ(read_bytes(write("two.gz", gzip("a\n1\n") + gzip("2\n"))), "a\n1\n2\n");
}

TEST_F(CsvFile, DamagedGzip) {
  const std::string packed = gzip("a,b\n1,2\n3,4\n");
  for (std::size_t length = 2; length < packed.size(); ++length)
    EXPECT_THROW(read_csv(write("cut.gz", packed.substr(0, length))), DataError) << length;
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  EXPECT_THROW(read_csv(write("damaged.gz", damaged)), DataError);
  EXPECT_THROW(read_csv(write("tail.gz", packed + "tail")), DataError);
}

TEST_F(CsvFile, MissingFilesAndDirectories) {
  EXPECT_THROW(read_csv((folder_ / "absent.csv").string()), DataError);
  EXPECT_THROW(read_csv(folder_.string()), DataError);
  EXPECT_THROW(read_csv(write("empty.csv", "")), DataError);
  EXPECT_THROW(read_csv(""), DataError);
}

TEST(CsvShipped, TheTablesAreWhatTheirReadmeSays) {
  const std::string data = std::string(THALWEG_SOURCE_DIR) + "/data/";
  struct Expected {
    const char* path;
    Index rows;
    std::size_t columns;
  };
  for (const auto& [path, rows, columns] :
       {Expected{"concrete/concrete.csv", 1030, 9}, Expected{"yacht/yacht.csv", 308, 7},
        Expected{"energy_efficiency/energy_efficiency.csv", 768, 10},
        Expected{"power_plant/power_plant.csv", 9568, 5},
        Expected{"breast_cancer/breast_cancer.csv", 569, 31}}) {
    const Table table = read_csv(data + path);
    EXPECT_EQ(table.rows(), rows) << path;
    EXPECT_EQ(table.columns.size(), columns) << path;
    EXPECT_TRUE(table.header_found) << path;
    for (const Column& column : table.columns)
      EXPECT_TRUE(column.numeric && column.missing == 0) << path << " " << column.name;
  }
}

// ---- properties ---------------------------------------------------------------------------------

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

rc::Gen<std::string> cell_text() {
  return rc::gen::container<std::string>(
      rc::gen::element('a', 'B', '7', '.', '-', ' ', ',', ';', '\t', '"', '\n', '\r', '#'));
}

RC_GTEST_PROP(CsvProperty, AQuotedTableComesBackAsItWas, ()) {
  const auto rows = *rc::gen::inRange<std::size_t>(1, 8);
  const auto columns = *rc::gen::inRange<std::size_t>(1, 6);
  const char delimiter = *rc::gen::element(',', ';', '\t');
  const std::string line_end = *rc::gen::element<std::string>("\n", "\r\n");
  std::vector<Strings> cells(rows);
  std::string bytes;
  for (std::size_t j = 0; j < columns; ++j)
    bytes += (j ? std::string(1, delimiter) : "") + in_quotes("name" + std::to_string(j));
  for (auto& row : cells) {
    bytes += line_end;
    for (std::size_t j = 0; j < columns; ++j) {
      row.push_back("t" + *cell_text());  // the letter keeps it text
      bytes += (j ? std::string(1, delimiter) : "") + in_quotes(row.back());
    }
  }
  const Table table = parse(bytes, {delimiter});
  RC_ASSERT(table.rows() == static_cast<Index>(rows));
  RC_ASSERT(table.columns.size() == columns);
  for (std::size_t j = 0; j < columns; ++j)
    for (std::size_t i = 0; i < rows; ++i) RC_ASSERT(table.columns[j].text[i] == cells[i][j]);
}

RC_GTEST_PROP(CsvProperty, NumbersComeBackBitForBit, (const std::vector<double>& values)) {
  RC_PRE(!values.empty());
  std::string bytes = "a,b\n";
  for (const double value : values) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    bytes += std::string(text) + ",\"" + text + "\"\n";
  }
  const Table table = parse(bytes);
  RC_ASSERT(table.columns[0].numbers == values);
  RC_ASSERT(table.columns[1].numbers == values);
}

/// A small valid table with everything in it.
const std::string seed_bytes =
    "\xEF\xBB\xBF"
    "id,name,\"size, mm\",note\r\n1,red,2.5,\"a \"\"b\"\"\"\r\n2,,1e-3,\"c\nd\"\n"
    "3,bl\xC3\xBC,inf,\n\n4,green,-0.125,\"x,y;z\"\n";

std::string mutated(RandomStream& random) {
  using namespace std::string_literals;
  static const std::string bytes_that_matter = "\"\",;\t\n\r\0\xFF\xC3"s + "e+-.09n";
  return mutated_text(seed_bytes, bytes_that_matter, 6, random);
}

TEST(CsvFuzz, AnyBytesGiveATableOrAnError) {
  RandomStream random(20, "csv fuzz");
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = mutated(random);
    try {
      const Table table = parse(bytes);
      ++accepted;
      ASSERT_GT(table.rows(), 0);
      for (const Column& column : table.columns)
        ASSERT_EQ(static_cast<Index>(column.numeric ? column.numbers.size() : column.text.size()),
                  table.rows());
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
  EXPECT_GT(accepted, 1000);  // the mutations reach both sides
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace thalweg
