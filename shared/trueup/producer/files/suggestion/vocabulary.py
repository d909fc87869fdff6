"""Vocabulary of exports: what CRMs, ERPs and people call the columns that requests are made of.

A column's name is compared without case, accents, signs and what stands in brackets. The first name of a line that a
table has is taken, so what is said most clearly stands first. English comes first in a line, then German, French and
Spanish; a name of an export's own (`Amount (Foreign Currency)`) stands as it is read there.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

Role = Literal[
    "salesforce_id", "netsuite_id", "key", "customer", "customer_external_id", "product", "contract", "type",
    "currency", "amount", "start", "end", "invoice_date", "name", "description", "status", "priority",
]  # fmt: skip

COLUMNS: Mapping[Role, str] = {
    "salesforce_id": "opportunity id, case safe id, case safe opportunity id, opp id, opportunity number",
    "netsuite_id": """document number, sales order number, sales order, so number, transaction number, order number,
        belegnummer, auftragsnummer, numero de document, numero de commande, numero de documento, numero de pedido""",
    "key": """opportunity id, case safe id, case safe opportunity id, internal id, deal id, record id, external id,
        order id, order number, opportunity number, deal number, document number, reference, ref, key, number, id,
        auftragsnummer, belegnummer, referenz, nummer, nr, interne id, numero de commande, numero, identifiant,
        numero de pedido, referencia""",
    "customer": """account name, customer name, customer, account, client name, client, company name, company,
        kundenname, kunde, firma, nom du client, nom du compte, compte, societe, nombre del cliente, cliente,
        nombre de la cuenta, cuenta, empresa""",
    "customer_external_id": """customer external id, external customer id, account id, customer id, customer number,
        account number, customer no, client id, kundennummer, kunden nr, kunden id, numero de client, numero client,
        numero de cliente, id de cliente""",
    "product": "product name, product, item, produkt, artikel, produit, article, producto, articulo",
    "contract": """contract number, contract name, contract, agreement, framework agreement, master agreement,
        vertragsnummer, rahmenvertrag, vertrag, numero de contrat, contrat, numero de contrato, contrato""",
    "type": """commitment type, commit type, billing type, payment type, kind, deal type, type, item, product, memo,
        vertragsart, abrechnungsart, zahlungsart, art, typ, type d engagement, type de facturation,
        tipo de compromiso, tipo de facturacion, tipo""",
    "currency": """amount currency, currency iso code, currency code, opportunity currency, currency, wahrung,
        waehrung, devise, moneda, divisa""",
    "amount": """commitment amount, commit amount, commitment, amount foreign currency, contract value,
        total contract value, tcv, amount, net amount, total amount, value, total, auftragswert, vertragswert,
        nettobetrag, betrag, summe, montant, montant ht, importe, monto, valor""",
    "start": """contract start date, commitment start date, subscription start date, service start date, term start,
        term start date, start date, starting at, start, effective date, valid from, begin, from, vertragsbeginn,
        beginn, startdatum, gultig ab, von, ab, date de debut, debut, du, fecha de inicio, inicio, desde""",
    "end": """contract end date, commitment end date, subscription end date, service end date, term end,
        term end date, end date, ending before, end, expiration date, expiry date, valid until, until, through, to,
        vertragsende, ende, enddatum, gultig bis, bis, date de fin, fin, au, fecha de fin, fecha final, hasta,
        vencimiento""",
    "invoice_date": """invoice date, billing date, bill date, bill on, invoice on, first invoice date,
        billing start date, rechnungsdatum, fakturadatum, abrechnungsdatum, date de facturation, date de facture,
        fecha de facturacion, fecha de factura""",
    "name": """opportunity name, deal name, deal, order name, title, subject, vertragsname, bezeichnung, titel,
        nom de l opportunite, intitule, titre, nombre de la oportunidad, titulo, asunto""",
    "description": "description, memo, beschreibung, descripcion",
    "status": """stage, stage name, deal stage, status, document status, order status, phase, etape, statut,
        etapa, estado""",
    "priority": "priority, prioritat, prioritaet, priorite, prioridad",
}  # fmt: skip

# Words of values. A value has a word where it begins one of its own.
PREPAID = "prepaid prepay upfront advance vorauskasse vorausbezahlt vorab prepaye prepagado prepago anticipado"
POSTPAID = "postpaid minimum min arrears true-up trueup mindest nachtraglich postpaye pospago"
WON = "won gewonnen gagne gagnee ganada ganado"
LOST = "lost cancelled canceled void voided rejected verloren storniert abgelehnt perdu perdue annule perdida"
STANDS = "active activated signed approved booked pending billed fulfilled aktiv unterzeichnet signe firmado"
TOTALS = "total totals grand overall sum subtotal summe gesamt gesamtsumme zwischensumme totaux suma"

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_CHARS_MAX = 200  # of a name that is compared


def words(name: str) -> str:
    """A name as it is compared: words in lower case, without accents and signs."""
    spaced = _CAMEL.sub(" ", name[:_CHARS_MAX].removesuffix("__c"))
    plain = unicodedata.normalize("NFKD", spaced).casefold()
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(re.split(r"[^0-9a-z\u00a1-\U0010ffff]+", kept)).strip()


def names_of(column: str) -> list[str]:
    """The names by which a column may be found: as it is, and without what stands in brackets or before a colon."""
    without = _BRACKETS.sub(" ", column[:_CHARS_MAX])
    return list(dict.fromkeys(filter(None, map(words, (column, without, without.rpartition(":")[2])))))


def names_for(role: Role) -> list[str]:
    """The names of the vocabulary's columns of a role, the clearest first."""
    return [words(name) for name in COLUMNS[role].split(",")]


def has_word(value: str, known: str) -> bool:
    """Tell whether a word of the value begins with one of these, which stand between spaces."""
    found = words(value).replace("true up", "true-up").replace("pre paid", "prepaid").replace("post paid", "postpaid")
    return any(part.startswith(tuple(known.split())) for part in found.split())
