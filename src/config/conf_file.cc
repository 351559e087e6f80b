#include "config/conf_file.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/utf8.h"

namespace vmq::config {
namespace {

constexpr std::size_t kIncludeDepthMax = 16;
constexpr std::size_t kFilesMax = 1000;
constexpr std::string_view kTripleQuote = "'''";

bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool is_path_character(char c) { return is_word_character(c) || c == '.' || c == '*' || c == '/'; }

/// The files being read: the chain of includes and how many were opened in all.
struct Reading {
    FileSource& files;
    ConfFile& out;
    std::vector<std::string> chain;
    std::size_t opened = 0;
};

void read_file(Reading& reading, const std::string& path, const Location& included_at);

/// Reads one file's text from front to back. Lives for one call of read_file.
class FileParser final {
public:
    FileParser(Reading& reading, std::string path, std::string_view text)
        : reading_(reading), path_(std::move(path)), text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    }

    void parse() {
        while (at_ < text_.size()) {
            skip_blanks();
            if (!at_line_end() && peek() != '#') {
                if (at_include()) {
                    parse_include();
                } else {
                    parse_setting();
                }
            }
            skip_line();
        }
    }

private:
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n';
    }
    [[nodiscard]] bool at_line_end() const {
        return at_ >= text_.size() || peek() == '\n' ||
               (peek() == '\r' && (at_ + 1 == text_.size() || peek(1) == '\n'));
    }
    [[nodiscard]] bool at_comment_or_end() const { return at_line_end() || peek() == '#'; }

    void skip_blanks() {
        while (at_ < text_.size() && (peek() == ' ' || peek() == '\t')) ++at_;
    }

    void skip_line() {
        while (at_ < text_.size() && peek() != '\n') ++at_;
        if (at_ < text_.size()) {
            ++at_;
            start_line();
        }
    }

    void start_line() {
        ++line_;
        line_start_ = at_;
    }

    [[nodiscard]] std::uint32_t column(std::size_t offset) const {
        return 1 + count_characters(text_.substr(line_start_, offset - line_start_));
    }
    [[nodiscard]] Location here(std::size_t offset) const { return {path_, line_, column(offset)}; }

    void fail(const Location& at, std::string message, std::string key = {}) {
        reading_.out.errors.push_back({at, std::move(key), std::move(message)});
    }

    [[nodiscard]] bool at_include() const {
        constexpr std::string_view kInclude = "include";
        if (!text_.substr(at_).starts_with(kInclude)) return false;
        std::size_t next = at_ + kInclude.size();
        if (next >= text_.size() || (text_[next] != ' ' && text_[next] != '\t')) return false;
        while (next < text_.size() && (text_[next] == ' ' || text_[next] == '\t')) ++next;
        return next >= text_.size() || text_[next] != '=';
    }

    void parse_include() {
        const Location at = here(at_);
        at_ += std::string_view("include").size();
        skip_blanks();
        const std::size_t start = at_;
        while (at_ < text_.size() && is_path_character(peek())) ++at_;
        const std::string_view target = text_.substr(start, at_ - start);
        skip_blanks();
        if (target.empty() || !at_comment_or_end()) {
            fail(here(at_), "expected a path made of letters, digits and - _ . * / after include");
            return;
        }
        include(at, path_from(directory_of(path_), target));
    }

    void include(const Location& at, const std::string& target) {
        const std::string pattern = target.substr(target.rfind('/') + 1);
        if (pattern.find('*') == std::string::npos) {
            read_file(reading_, target, at);
            return;
        }
        const std::string directory = directory_of(target);
        std::vector<std::string> names = reading_.files.list(directory);
        std::erase_if(names, [&](const auto& name) { return !matches_glob(pattern, name); });
        std::sort(names.begin(), names.end());
        for (const std::string& name : names) {
            read_file(reading_, path_from(directory, name), at);
        }
    }

    void parse_setting() {
        Entry entry;
        entry.at = here(at_);
        if (!parse_key(entry.key)) return;
        skip_blanks();
        if (peek() != '=' || at_ >= text_.size()) {
            fail(here(at_), "expected = after the key", entry.key);
            return;
        }
        ++at_;
        skip_blanks();
        entry.value_column = column(at_);
        if (parse_value(entry)) reading_.out.entries.push_back(std::move(entry));
    }

    bool parse_key(std::string& key) {
        for (;;) {
            const std::size_t start = at_;
            while (at_ < text_.size()) {
                if (is_word_character(peek())) {
                    ++at_;
                } else if (peek() == '\\' && peek(1) == '.') {
                    at_ += 2;
                } else {
                    break;
                }
            }
            if (at_ == start) {
                fail(here(at_), key.empty()
                                    ? "expected a key (letters, digits, _ and -), an include or a "
                                      "comment"
                                    : "expected a word of letters, digits, _ and - after the dot");
                return false;
            }
            key.append(text_.substr(start, at_ - start));
            if (at_ >= text_.size() || peek() != '.') return true;
            key += '.';
            ++at_;
        }
    }

    bool parse_value(Entry& entry) {
        if (text_.substr(at_).starts_with(kTripleQuote)) return parse_multi_line(entry);
        if (at_ < text_.size() && peek() == '\'') return parse_quoted(entry);
        const std::size_t start = at_;
        while (!at_comment_or_end()) ++at_;
        std::size_t end = at_;
        while (end > start && (text_[end - 1] == ' ' || text_[end - 1] == '\t')) --end;
        if (end == start) {
            fail(here(at_), "expected a value; an empty one is written ''", entry.key);
            return false;
        }
        entry.value = text_.substr(start, end - start);
        return check_text(entry);
    }

    bool parse_quoted(Entry& entry) {
        const std::size_t start = at_++;
        while (!at_line_end() && peek() != '\'') ++at_;
        if (at_line_end()) {
            fail(here(start), "expected a closing ' on the same line", entry.key);
            return false;
        }
        entry.value = text_.substr(start + 1, at_ - start - 1);
        ++at_;
        return expect_nothing_more(entry) && check_text(entry);
    }

    bool parse_multi_line(Entry& entry) {
        const std::size_t start = at_ + kTripleQuote.size();
        const std::size_t end = text_.find(kTripleQuote, start);
        if (end == std::string_view::npos) {
            fail(here(at_), "expected a closing ''' in the rest of the file", entry.key);
            return false;
        }
        for (at_ = start; at_ < end;) {
            const char c = text_[at_++];
            if (c == '\n') start_line();
            if (c != '\r' || peek() != '\n') entry.value += c;
        }
        at_ = end + kTripleQuote.size();
        const auto first = entry.value.find_first_not_of('\n');
        const auto last = entry.value.find_last_not_of('\n');
        entry.value = first == std::string::npos ? "" : entry.value.substr(first, last - first + 1);
        return expect_nothing_more(entry) && check_text(entry);
    }

    bool expect_nothing_more(const Entry& entry) {
        skip_blanks();
        if (at_comment_or_end()) return true;
        fail(here(at_), "expected the end of the line or a comment after the closing quote",
             entry.key);
        return false;
    }

    bool check_text(const Entry& entry) {
        const bool control = std::any_of(entry.value.begin(), entry.value.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
        });
        if (!control && is_utf8(entry.value)) return true;
        fail(entry.value_at(),
             control ? "expected text without control characters" : "expected UTF-8 text",
             entry.key);
        return false;
    }

    Reading& reading_;
    const std::string path_;
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
};

void read_file(Reading& reading, const std::string& path, const Location& included_at) {
    const bool included = !reading.chain.empty();
    auto& errors = reading.out.errors;
    if (std::find(reading.chain.begin(), reading.chain.end(), path) != reading.chain.end()) {
        errors.push_back({included_at, {}, path + " includes itself"});
        return;
    }
    if (reading.chain.size() >= kIncludeDepthMax || reading.opened >= kFilesMax) {
        errors.push_back({included_at,
                          {},
                          "too many includes: at most " + std::to_string(kIncludeDepthMax) +
                              " within each other and " + std::to_string(kFilesMax) + " in all"});
        return;
    }
    ++reading.opened;
    const Result<std::string> text = reading.files.read(path);
    if (!text) {
        const bool missing = text.error().code == ErrorCode::NotFound;
        if (included && missing) {  // VerneMQ takes an include without a match as empty
            reading.out.warnings.push_back({included_at, {}, text.error().detail});
        } else {
            errors.push_back({included ? included_at : Location{path}, {}, text.error().detail});
        }
        return;
    }
    reading.chain.push_back(path);
    FileParser(reading, path, text.value()).parse();
    reading.chain.pop_back();
}

}  // namespace

ConfFile parse_conf(FileSource& files, const std::string& path) {
    ConfFile out;
    Reading reading{files, out, {}};
    read_file(reading, path, {});
    return out;
}

bool matches_glob(std::string_view pattern, std::string_view name) {
    if (name.starts_with('.') && !pattern.starts_with('.')) return false;
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_name = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::vector<std::string> words_of(std::string_view key) {
    std::vector<std::string> words(1);
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (key[i] == '\\' && i + 1 < key.size() && key[i + 1] == '.') {
            words.back() += '.';
            ++i;
        } else if (key[i] == '.') {
            words.emplace_back();
        } else {
            words.back() += key[i];
        }
    }
    return words;
}

}  // namespace vmq::config
