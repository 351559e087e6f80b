#include "cluster/node_identity.h"

#include <algorithm>

namespace vmq::cluster {

bool is_valid_node_name(std::string_view name) noexcept {
    const std::size_t sign = name.find('@');
    return name.size() <= kLongestNodeName && sign != std::string_view::npos && sign > 0 &&
           sign + 1 < name.size() && name.find('@', sign + 1) == std::string_view::npos &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace vmq::cluster
