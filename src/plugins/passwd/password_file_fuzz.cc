// Any text as a password file: nothing of it is lost or made up, who is in it has a hash that is
// recognised, and the same lines in the tool's order give the same table.
#include "plugins/passwd/password_file.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "plugins/passwd/password_hash.h"
#include "plugins/passwd/password_line.h"

namespace vmq::plugins::passwd {
namespace {

using Table = std::map<std::string_view, std::string_view>;

/// The naive reading of the same lines.
Table table_of(std::string_view text, std::size_t& bad) {
    Table table;
    std::size_t size = 0;
    PasswordLines lines(text);
    for (std::size_t number = 1; const auto line = lines.next(); ++number) {
        VMQ_ASSERT(line->number == number && !line->raw.empty());
        size += line->raw.size();
        const bool faulty = line->kind == PasswordLine::Kind::Faulty;
        VMQ_ASSERT(faulty == !line->fault.empty());
        bad += faulty ? 1 : 0;
        if (line->kind != PasswordLine::Kind::Entry) continue;
        VMQ_ASSERT(!line->user.empty() && line->user.size() <= kMaxUserBytes);
        const std::string_view hash = line->rest.substr(0, line->rest.find_last_not_of(" \t") + 1);
        if (recognise_hash(hash) && table.insert_or_assign(line->user, hash).second) continue;
        ++bad;
    }
    VMQ_ASSERT(size == text.size());
    return table;
}

}  // namespace
}  // namespace vmq::plugins::passwd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::plugins::passwd;
    const std::string text(reinterpret_cast<const char*>(data), size);
    std::size_t bad = 0;
    const Table table = table_of(text, bad);
    const PasswordFile file(vmq::transport::FileText(text, 0));
    VMQ_ASSERT(file.size() == table.size() && file.fault_count() == bad);
    for (const auto& [user, hash] : table) VMQ_ASSERT(file.find(user) == hash);
    std::size_t last = 0;
    for (const auto& fault : file.faults()) {
        VMQ_ASSERT(fault.line >= last && !fault.reason.empty());
        last = fault.line;
    }
    const PasswordFile nobody;
    VMQ_ASSERT(PasswordChanges::between(file, file).empty());
    VMQ_ASSERT(PasswordChanges::between(nobody, file).added.size() == table.size());
    VMQ_ASSERT(PasswordChanges::between(file, nobody).removed.size() == table.size());
    return 0;
}
