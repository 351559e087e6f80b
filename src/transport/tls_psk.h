// Pre-shared keys of a TLS listener.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::transport {

/// Identities and their keys. Immutable once read and then shared by all shards; the keys are wiped
/// from memory when it goes.
///
///     file = { blank | "#" text | identity separator key , LF | CRLF }
///
/// The key is the text as it stands (VerneMQ's format); it may contain the separator, an identity
/// may not. Of several lines for one identity the last counts. Blank lines and comments are our
/// addition.
class PskTable final {
public:
    static constexpr std::size_t kMaxIdentityBytes = 128;  // of OpenSSL, as of all below
    static constexpr std::size_t kMaxKeyBytes = 256;

    PskTable() = default;
    ~PskTable();
    PskTable(PskTable&&) = default;
    PskTable& operator=(PskTable&&) = default;
    PskTable(const PskTable&) = delete;
    PskTable& operator=(const PskTable&) = delete;

    /// Errors and notices name the line and never the key. `file` begins them.
    [[nodiscard]] static Result<PskTable> parse(std::string_view text, char separator,
                                                const std::string& file,
                                                std::vector<std::string>& notices);

    /// The key, or null. Valid as long as the table.
    [[nodiscard]] const std::string* find(std::string_view identity) const;
    [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

private:
    std::map<std::string, std::string, std::less<>> keys_;
};

}  // namespace vmq::transport
