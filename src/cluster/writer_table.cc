#include "cluster/writer_table.h"

namespace vmq::cluster {

std::optional<WriterNumber> WriterTable::find(std::string_view name,
                                              const Incarnation& incarnation) const {
    const auto found = numbers_.find(Less::View{name, incarnation});
    if (found == numbers_.end()) return std::nullopt;
    return found->second;
}

std::optional<WriterNumber> WriterTable::intern(std::string_view name,
                                                const Incarnation& incarnation) {
    if (const auto known = find(name, incarnation)) return known;
    if (names_.size() == kMostWriters) return std::nullopt;
    const auto number = static_cast<WriterNumber>(names_.size());
    const auto [at, added] = numbers_.emplace(Writer{std::string(name), incarnation}, number);
    names_.push_back(&at->first);
    return number;
}

}  // namespace vmq::cluster
