# Read by `. deploy/examples/crm/practice.sh NAME`, in a clone after `make setup`: starts Trueup, makes a practice account
# of this name whose clock you move, and loads the catalog and the deals of this folder. Another name begins anew.
PATH="$PWD/.venv/bin:$PATH"
practice=$1
trueup() { command trueup "$@" --account "$practice"; }

# The ids that commands ask for: of the invoice with a number, of the commit with a key, of a commit's first segment or
# obligation (`part OPP-1001 segments`).
invoice() { trueup invoices list | awk -v number="$1" '$1 == number {print $NF}'; }
commit() { trueup commits list --uniqueness-key "$1" | awk 'NR == 2 {print $1}'; }
part() { trueup commits show "$(commit "$1")" | awk -v part="$2" '$0 == part {getline; getline; print $1}'; }

command trueup accounts list > /dev/null 2>&1 || command trueup up --detach
command trueup accounts create "$practice" --sandbox
trueup catalog load deploy/examples/crm/catalog.json
trueup ingest deploy/examples/crm/deals.csv
