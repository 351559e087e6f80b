#include "transport/tls_psk.h"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include <utility>

namespace vmq::transport {
namespace {

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t") == std::string_view::npos;
}

// What is wrong with the line, or nothing.
std::string fault_of(std::string_view identity, std::string_view key) {
    if (identity.empty()) return "the identity is empty";
    if (identity.size() > PskTable::kMaxIdentityBytes)
        return fmt::format("the identity is longer than {} bytes", PskTable::kMaxIdentityBytes);
    if (identity.find('\0') != std::string_view::npos) return "the identity contains a NUL";
    if (key.empty()) return "the key is empty";
    if (key.size() > PskTable::kMaxKeyBytes)
        return fmt::format("the key is longer than {} bytes", PskTable::kMaxKeyBytes);
    return {};
}

}  // namespace

PskTable::~PskTable() {
    for (auto& [identity, key] : keys_) OPENSSL_cleanse(key.data(), key.size());
}

Result<PskTable> PskTable::parse(std::string_view text, char separator, const std::string& file,
                                 std::vector<std::string>& notices) {
    const auto say = [&file](int number, const std::string& what) {
        return fmt::format("pskfile {}, line {}: {}", file, number, what);
    };
    const auto error = [&say](int number, const std::string& what) {
        return Error{ErrorCode::SyntaxError, say(number, what)};
    };
    PskTable table;
    for (int number = 1; !text.empty(); ++number) {
        const std::string_view line = take_line(text);
        if (is_blank(line) || line.starts_with('#')) continue;
        const std::size_t at = line.find(separator);
        if (at == std::string_view::npos)
            return error(number, fmt::format("no '{}' between identity and key", separator));
        const std::string_view identity = line.substr(0, at);
        const std::string_view key = line.substr(at + 1);
        if (const std::string fault = fault_of(identity, key); !fault.empty())
            return error(number, fault);
        if (table.find(identity) != nullptr)
            notices.push_back(say(number, "replaces an earlier line for the same identity"));
        table.keys_.insert_or_assign(std::string(identity), std::string(key));
    }
    return table;
}

const std::string* PskTable::find(std::string_view identity) const {
    const auto found = keys_.find(identity);
    return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace vmq::transport
